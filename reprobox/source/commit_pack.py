"""The code of one commit as a git pack, so that a bundle can carry it: commit, trees and blobs, and
those of its submodules.

History is not part of it; the repository that takes it in is shallow. LFS content is not in git and
travels with it (see `carry`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from reprobox.errors import SourceError
from reprobox.kit import files
from reprobox.source import commit_tree, git_objects, modules
from reprobox.source.git import Git, failed
from reprobox.source.refs import PREFIX
from reprobox.source.repo import Repo, open_repo, opened, resolve


def pack(place: Repo | Path, commit: str) -> Iterator[bytes]:
    """A git pack with everything that `export` of the commit needs, submodules included.

    Raises:
        SourceError: an object or a submodule is missing.
    """
    repo = opened(place)
    parts = list(modules.every(repo, commit_tree.read_commit(repo, resolve(repo, commit))))
    stores = sorted({inner.common_dir / "objects" for _, inner, _ in parts[1:]})
    yield from _packed(repo.reading_also(stores), _closure(content for _, _, content in parts))


def _closure(contents: Iterable[commit_tree.Snapshot]) -> list[str]:
    """Names of all objects; the submodules that a tree names are commits of another content, not
    blobs.
    """
    wanted: dict[str, None] = {}
    for content in contents:
        wanted.update(dict.fromkeys((content.commit, *sorted(content.trees))))
        wanted.update(
            (entry.oid, None) for entry in content.entries if entry.mode != commit_tree.SUBMODULE
        )
    return list(wanted)


def _packed(repo: Repo, wanted: list[str]) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as asked:
        asked.write("".join(f"{oid}\n" for oid in wanted).encode("ascii"))
        asked.seek(0)
        with repo.git.piped(
            "pack-objects", "--stdout", "-q", "--threads=1", direction="read", stdin=asked
        ) as packing:
            while chunk := packing.pipe.read(git_objects.CHUNK):
                yield chunk
            done = packing.finish()
            if not done.ok:
                raise failed(done, repo.git.at)


def import_pack(repo_dir: Path, stream: Iterable[bytes], commit: str) -> None:
    """Takes a pack into a bare repository of reprobox's own, which is made when it is not there.

    Args:
        commit: full name of the commit that the pack was made for; it is kept by a hidden ref of
            its own.

    Raises:
        SourceError: the pack is damaged, or does not hold the commit whole.
    """
    git = _bare(repo_dir, commit)
    with git.piped("index-pack", "--stdin", "--fix-thin", direction="write") as indexing:
        try:
            indexing.pipe.writelines(stream)
        except BrokenPipeError as error:
            raise failed(indexing.finish(), repo_dir) from error
        done = indexing.finish()
    if not done.ok:
        raise failed(done, repo_dir)
    _settle(open_repo(repo_dir), commit)


def _bare(repo_dir: Path, commit: str) -> Git:
    if len(commit) not in (40, 64) or set(commit) - set("0123456789abcdef"):
        raise SourceError(f"{commit!r} is not the full name of a commit")
    if not (repo_dir / "HEAD").is_file():
        files.make_dir(repo_dir)
        kind = "sha1" if len(commit) == 40 else "sha256"
        # An empty template: the default one may hold hooks.
        Git(at=repo_dir).out(
            "init", "--quiet", "--bare", "--template=", f"--object-format={kind}", "."
        )
    return Git(at=repo_dir, git_dir=True)


def _settle(repo: Repo, commit: str) -> None:
    """Marks the commits as the ends of history, checks that nothing is missing, and keeps the outer
    one.
    """
    parts = list(modules.every(repo, commit_tree.read_commit(repo, commit)))
    shallow = repo.git_dir / "shallow"
    known = set(shallow.read_text("ascii").split()) if shallow.is_file() else set()
    ends = known | {content.commit for _, _, content in parts}
    files.replace(shallow, "".join(f"{oid}\n" for oid in sorted(ends)).encode("ascii"))
    asked = "".join(f"{oid}\n" for oid in _closure(content for _, _, content in parts)).encode(
        "ascii"
    )
    if b" missing\n" in repo.git.out("cat-file", "--batch-check", "--buffer", stdin=asked):
        raise SourceError(
            f"the pack does not hold the commit {commit} whole", next_step="export the bundle again"
        )
    repo.git.out("update-ref", "--end-of-options", PREFIX + commit, commit)
