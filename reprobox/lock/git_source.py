"""The tree of a git commit as a source distribution: fetched on the host, kept by its bytes."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO

from reprobox.errors import FetchError
from reprobox.kit import proc
from reprobox.kit.canon import digest_of, hex_of
from reprobox.kit.regex import regex
from reprobox.kit.tar import TarStream, entry
from reprobox.lock.candidate import Candidate
from reprobox.lock.formats.package import Repository
from reprobox.model.ports import Objects, Progress

_COMMIT = regex(r"[0-9a-f]{40}|[0-9a-f]{64}")
ARCHIVAL = ".git_archival.txt"
_FROM_GIT = regex(rb"setuptools[-_]scm|hatch-vcs|source *= *[\"']scm[\"']")
_PASSWORD = regex(r"(?<=://)[^/@\s]+@")


def parse(url: str) -> Repository:
    """A `git+URL[@revision][#subdirectory=...]`; `commit` is the revision as written, or empty."""
    bare, _, fragment = url.removeprefix("git+").partition("#")
    words = dict(word.partition("=")[::2] for word in fragment.split("&") if word)
    head, at, revision = bare.rpartition("@")
    host = bare.partition("://")[2].partition("/")[0]
    if not at or "/" not in head.partition("://")[2] or revision in host:
        head, revision = bare, ""
    return Repository(url=head, commit=revision, subdirectory=words.get("subdirectory") or None)


def fetch(
    name: str, version: str, repository: Repository, *, objects: Objects, progress: Progress
) -> Candidate:
    """The tree of a commit, in the store.

    Args:
        repository: its `commit` may be a branch or tag, which is resolved.

    Raises:
        FetchError: it could not be fetched.
    """
    where = _PASSWORD.sub("", repository.url)
    key = f"lock/git/1/{hex_of(digest_of([where, repository.commit]))}"
    known = objects.memo(key) if _COMMIT.fullmatch(repository.commit) else None
    if isinstance(known, str) and objects.has(known):
        return _candidate(name, version, repository, repository.commit, known, objects)
    with (
        progress.task(f"fetching {where}"),
        tempfile.TemporaryDirectory(prefix="reprobox-git-") as folder,
    ):
        commit = _checkout(repository, Path(folder))
        when = int(_git(Path(folder), "show", "-s", "--format=%ct", "HEAD").strip())
        more = {}
        if reads_git(Path(folder, repository.subdirectory or "")):
            more[ARCHIVAL] = archival(commit, _describe(Path(folder), repository))
        buffer = io.BytesIO()
        pack(Path(folder), f"{name}-{commit[:12]}", _files(Path(folder)), when, buffer, more)
    digest = objects.put_bytes(buffer.getvalue())
    objects.remember(f"lock/git/1/{hex_of(digest_of([where, commit]))}", digest)
    return _candidate(name, version, repository, commit, digest, objects)


def reads_git(project: Path) -> bool:
    """Whether the version of a project is what git says of its commit."""
    texts = (project / name for name in ("pyproject.toml", "setup.cfg", "setup.py"))
    return any(path.is_file() and _FROM_GIT.search(path.read_bytes()) for path in texts)


def archival(commit: str, described: str) -> bytes:
    """What `git archive` leaves for builds without a repository (setuptools-scm's
    documentation, "Git archives"; hatch-vcs and pdm-backend read it too).
    """
    name = f"describe-name: {described}\n" if described else ""
    return f"node: {commit}\n{name}".encode()


def _describe(folder: Path, repository: Repository) -> str:
    """The commit by the tag before it, which takes the history; empty where there is no tag."""
    if (folder / ".git/shallow").is_file():
        _git(folder, "fetch", "--quiet", "--unshallow", "--tags", repository.url)
    else:
        _git(folder, "fetch", "--quiet", "--tags", repository.url)
    done = _run(folder, "describe", "--tags", "--long", "--match", "*[0-9]*", "HEAD")
    return done.out.decode("utf-8", "replace").strip() if done.ok else ""


def _candidate(
    name: str, version: str, repository: Repository, commit: str, digest: str, objects: Objects
) -> Candidate:
    return Candidate(
        name=name,
        version=version,
        filename=f"{name}-{commit[:12]}.tar",
        digest=digest,
        size=objects.path(digest).stat().st_size,
        commit=commit,
        subdirectory=repository.subdirectory,
    )


def _checkout(repository: Repository, folder: Path) -> str:
    """Checks the revision out, with its submodules; its commit."""
    _git(folder, "init", "--quiet")
    revision = repository.commit or "HEAD"
    shallow = ["fetch", "--quiet", "--depth=1", repository.url, revision]
    if not _run(folder, *shallow).ok:
        # A server may refuse to give a commit by its name alone.
        _git(folder, "fetch", "--quiet", "--tags", repository.url, "+refs/*:refs/there/*")
        for place in (revision, f"there/heads/{revision}", f"there/tags/{revision}"):
            if _run(folder, "checkout", "--quiet", "--detach", place).ok:
                break
        else:
            raise FetchError(
                f"{_PASSWORD.sub('', repository.url)} has no revision {revision}",
                next_step="name a commit, tag or branch that it has",
            )
    else:
        _git(folder, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    if (folder / ".gitmodules").is_file():
        _git(folder, "submodule", "update", "--init", "--recursive", "--quiet")
    return _git(folder, "rev-parse", "HEAD").strip()


def _run(folder: Path, *words: str) -> proc.Done:
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    env = {key: value for key, value in env.items() if key not in ("GIT_DIR", "GIT_WORK_TREE")}
    return proc.run(["git", "-c", "advice.detachedHead=false", *words], cwd=folder, env=env)


def _git(folder: Path, *words: str) -> str:
    done = _run(folder, *words)
    if not done.ok:
        raise FetchError(
            f"git could not {words[0]} a required repository",
            why=_PASSWORD.sub("", done.error_text),
            next_step="check the address, the revision and your access: `git ls-remote` shows them",
        )
    return done.out.decode("utf-8", "replace")


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if ".git" not in path.relative_to(folder).parts and (path.is_symlink() or path.is_file()):
            yield path


def pack(
    folder: Path,
    top: str,
    files: Iterator[Path],
    when: int,
    target: IO[bytes],
    more: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """A tar of some files of a directory, the same bytes each time.

    Args:
        top: the directory that they are in there.
        when: the time of every file, seconds since 1970.
        more: files to add, or to have instead of the directory's.
    """
    stream = TarStream(target)
    for place, data in sorted(more.items()):
        stream.stream(entry(f"{top}/{place}", size=len(data), mtime=when), io.BytesIO(data))
    for path in files:
        place = path.relative_to(folder).as_posix()
        name = f"{top}/{place}"
        if place in more:
            continue
        if path.is_symlink():
            stream.symlink(name, os.readlink(path))
            continue
        data = path.read_bytes()
        mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
        stream.stream(entry(name, mode=mode, size=len(data), mtime=when), io.BytesIO(data))
    stream.close()
