"""Submodules: which commit names which, and where their objects are on this disk. Nothing is ever
fetched.
"""

from __future__ import annotations

from collections.abc import Iterator

from reprobox.errors import SourceError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.source import commit_tree
from reprobox.source.repo import Repo, text

MAX_NESTING = 16


@dataclass(frozen=True)
class Module:
    """A submodule of a commit."""

    path: bytes
    commit: str
    name: str | None
    """Its name in `.gitmodules`, when that is there and harmless."""


def of(repo: Repo, snapshot: commit_tree.Snapshot) -> list[Module]:
    """The submodules of a commit."""
    entries = [entry for entry in snapshot.entries if entry.mode == commit_tree.SUBMODULE]
    if not entries:
        return []
    names = _names(repo, snapshot)
    return [Module(entry.path, entry.oid, names.get(entry.path)) for entry in entries]


def _names(repo: Repo, snapshot: commit_tree.Snapshot) -> dict[bytes, str]:
    """Path to name, from the commit's own `.gitmodules`."""
    blob = next(
        (
            entry.oid
            for entry in snapshot.entries
            if entry.path == b".gitmodules" and entry.mode == commit_tree.FILE
        ),
        None,
    )
    if blob is None:
        return {}
    done = repo.git.run(
        "config", "--file", "-", "--null", "--list", stdin=repo.objects.one(blob, "blob")
    )
    found: dict[bytes, str] = {}
    for item in done.out.split(b"\0") if done.ok else ():
        key, _, value = item.partition(b"\n")
        name = text(key).removeprefix("submodule.").removesuffix(".path")
        if key.startswith(b"submodule.") and key.endswith(b".path") and _is_harmless(name):
            found[value] = name
    return found


def _is_harmless(name: str) -> bool:
    """A name becomes a directory below `.git/modules` (git's own rule, check_submodule_name)."""
    return (
        bool(name) and not name.startswith("/") and ".." not in name.replace("\\", "/").split("/")
    )


def checked_out(repo: Repo, path: bytes) -> Repo | None:
    """The repository in the work tree at a path; None when the submodule is not there."""
    if repo.top is None:
        return None
    place = repo.top / text(path)
    if not place.is_dir() or place.is_symlink() or not (place / ".git").exists():
        return None
    return repo.inner(place)


def open_module(repo: Repo, module: Module) -> Repo:
    """A repository that has the submodule's commit.

    Raises:
        SourceError: when there is none on this disk.
    """
    found = next((place for place in _candidates(repo, module) if place.has(module.commit)), None)
    if found is None:
        raise SourceError(
            f"the submodule {text(module.path)!r} is not fetched: its commit {module.commit} is "
            "not on this disk",
            next_step="git submodule update --init --recursive",
        )
    return found


def _candidates(repo: Repo, module: Module) -> Iterator[Repo]:
    """Its own repository below ours, the one in the work tree, and ours itself (a store that was
    unpacked holds everything).
    """
    if module.name is not None:
        places = dict.fromkeys(
            directory / "modules" / module.name for directory in (repo.git_dir, repo.common_dir)
        )
        yield from (repo.inner(place) for place in places if (place / "HEAD").is_file())
    if (place := checked_out(repo, module.path)) is not None:
        yield place
    yield repo


def every(
    repo: Repo, snapshot: commit_tree.Snapshot, prefix: bytes = b"", depth: int = 0
) -> Iterator[tuple[bytes, Repo, commit_tree.Snapshot]]:
    """The commit and, below it, every submodule's: prefix of the paths, repository, content.

    Raises:
        SourceError: a submodule is not fetched, or they are nested without end.
    """
    if depth > MAX_NESTING:
        raise SourceError(f"submodules are nested more than {MAX_NESTING} deep")
    yield prefix, repo, snapshot
    for module in of(repo, snapshot):
        inner = open_module(repo, module)
        yield from every(
            inner,
            commit_tree.read_commit(inner, module.commit),
            prefix + module.path + b"/",
            depth + 1,
        )
