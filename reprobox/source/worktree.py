"""Compares files on disk with a commit by their bytes. The stat data in git's index is never
believed.

The rule for files whose bytes differ from the blob though git may call them equal:

- line endings, `ident` and `working-tree-encoding` (built into git): git is asked for the name of
  the converted bytes, with every configured filter turned off;
- `filter=lfs`: the content's SHA-256 is compared with the pointer, here;
- any other filter: git runs its clean program, as it would at the user's next `git status`, for
  nothing but files whose bytes differ. Only git's configuration can name that program, and no clone
  or bundle brings one. Where it cannot be run, the file counts as different (`filtered`).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.source import lfs
from reprobox.source.commit_tree import EXECUTABLE, FILE, LINK, Entry
from reprobox.source.git import Git
from reprobox.source.git_objects import CHUNK, Hasher
from reprobox.source.repo import Repo, raw, text

_SMALL = 1 << 20
_ATTRIBUTES = ("filter", "text", "eol", "crlf", "ident", "working-tree-encoding")
_NO_FOLLOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, kw_only=True)
class _Rules:
    """How the work tree may differ from the commit by configuration."""

    file_mode: bool
    symlinks: bool


def differences(repo: Repo, entries: Sequence[Entry]) -> dict[bytes, str]:
    """Path to kind of difference, for the files and links that are not what the entries say.

    Kinds: `deleted`, `type changed`, `mode changed`, `modified`, `filtered`, `unreadable`, `LFS
    pointer without content`, `LFS content not in .git/lfs`.
    """
    rules = _Rules(
        file_mode=repo.flag("core.filemode", True), symlinks=repo.flag("core.symlinks", True)
    )
    top = raw(str(repo.top)) + b"/"
    found: dict[bytes, str] = {}
    parents: dict[bytes, bool] = {b"": True}
    for entry in entries:
        kind = _compare(top, entry, rules) if _in_directory(top, entry.path, parents) else "deleted"
        if kind is not None:
            found[entry.path] = kind
    suspects = {
        entry.path: entry
        for entry in entries
        if found.get(entry.path) == "modified" and entry.mode != LINK
    }
    for path, kind in _asked(repo, suspects).items():
        del found[path]
        if kind:
            found[path] = kind
    return found


def _in_directory(top: bytes, path: bytes, known: dict[bytes, bool]) -> bool:
    """Whether all directories on the way are directories and not links to some."""
    parent = path.rpartition(b"/")[0]
    if parent not in known:
        known[parent] = _in_directory(top, parent, known) and _is_directory(top + parent)
    return known[parent]


def _is_directory(path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _compare(top: bytes, entry: Entry, rules: _Rules) -> str | None:
    path = top + entry.path
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "deleted"
    if stat.S_ISLNK(status.st_mode):
        return _compare_link(path, entry)
    if not stat.S_ISREG(status.st_mode) or (entry.mode == LINK and rules.symlinks):
        return "type changed"
    if (
        rules.file_mode
        and entry.mode != LINK
        and (entry.mode == EXECUTABLE) != bool(status.st_mode & 0o100)
    ):
        return "mode changed"
    return _compare_bytes(path, entry.oid)


def _compare_link(path: bytes, entry: Entry) -> str | None:
    if entry.mode != LINK:
        return "type changed"
    return None if _name(os.readlink(path), entry.oid) == entry.oid else "modified"


def _name(data: bytes, like: str) -> str:
    hasher = Hasher(like, "blob", len(data))
    hasher.update(data)
    return hasher.name()


def _compare_bytes(path: bytes, oid: str) -> str | None:
    try:
        fd = os.open(path, _NO_FOLLOW)
    except FileNotFoundError:
        return "deleted"
    except PermissionError:
        return "unreadable"
    try:
        size = os.fstat(fd).st_size
        if size > _SMALL:
            return None if _long_name(fd, size, oid) == oid else "modified"
        data = os.read(fd, _SMALL + 1)
    finally:
        os.close(fd)
    if _name(data, oid) != oid:
        return "modified"
    return (
        "LFS pointer without content" if data.startswith(lfs.MAGIC) and lfs.pointer(data) else None
    )


def _long_name(fd: int, size: int, like: str) -> str:
    hasher = Hasher(like, "blob", size)
    while chunk := os.read(fd, CHUNK):
        hasher.update(chunk)
    return hasher.name()


def _asked(repo: Repo, suspects: dict[bytes, Entry]) -> dict[bytes, str]:
    """A second look at files that differ byte for byte; the kind of difference, empty where there
    is none after all.
    """
    attributes = _attributes(repo, list(suspects)) if suspects else {}
    converts = repo.config.get("core.autocrlf", "false").lower() not in ("false", "no", "off", "0")
    result: dict[bytes, str] = {}
    convertible, filtered = list[Entry](), list[Entry]()
    for path, entry in suspects.items():
        given = attributes.get(path, {})
        driver = text(given.get("filter", b""))
        if driver == "lfs":
            result[path] = _lfs(repo, entry)
        elif _is_configured(repo, driver):
            filtered.append(entry)
        elif given or converts:
            convertible.append(entry)
    result.update(_converted(filtered, _with_filters(repo), "filtered"))
    result.update(_converted(convertible, repo.git, "modified", _filters_off(repo)))
    return result


def _is_configured(repo: Repo, driver: str) -> bool:
    """Whether git has a program that changes files of this filter on their way in."""
    return any(repo.config.get(f"filter.{driver}.{key}") for key in ("clean", "process"))


def _with_filters(repo: Repo) -> Git:
    """Git for the user's own programs, which need the user's own environment."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return replace(repo.git, extra={**repo.git.extra, **own})


def _attributes(repo: Repo, paths: list[bytes]) -> dict[bytes, dict[str, bytes]]:
    """Per path, the attributes that make git convert it; those that are unset or unspecified are
    left out.
    """
    said = repo.git.out(
        "check-attr", "-z", "--stdin", *_ATTRIBUTES, stdin=b"".join(path + b"\0" for path in paths)
    )
    fields = said.split(b"\0")
    found: dict[bytes, dict[str, bytes]] = {}
    for path, name, value in zip(fields[0::3], fields[1::3], fields[2::3], strict=False):
        if value not in (b"unspecified", b"unset"):
            found.setdefault(path, {})[name.decode("ascii")] = value
    return found


def _converted(
    entries: list[Entry], git: Git, unread: str, settings: Mapping[str, str] | None = None
) -> dict[bytes, str]:
    """Compares by the name that git gives the converted bytes.

    Args:
        unread: the kind of a file that git gives no name: its filter failed, or the line format
            cannot hold its path.
    """
    if not entries:
        return {}
    lines = [
        entry for entry in entries if b"\n" not in entry.path and not entry.path.startswith(b'"')
    ]
    said = git.run(
        "hash-object",
        "--stdin-paths",
        stdin=b"".join(entry.path + b"\n" for entry in lines),
        settings=settings,
    )
    found = dict.fromkeys((entry.path for entry in entries), unread)
    for entry, name in zip(lines, said.out.decode("ascii").split(), strict=False):
        found[entry.path] = "" if name == entry.oid else "modified"
    return found


def _filters_off(repo: Repo) -> dict[str, str]:
    """Settings that leave every configured filter without a program."""
    drivers = {key.rpartition(".")[0] for key in repo.config if key.startswith("filter.")}
    return {
        f"{driver}.{key}": value
        for driver in drivers
        for key, value in (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
    }


def _lfs(repo: Repo, entry: Entry) -> str:
    """Content in the work tree against the pointer in the commit; the content must be where an
    export will look for it, too.
    """
    blob = repo.objects.one(entry.oid, "blob")
    pointer = lfs.pointer(blob)
    if pointer is None:
        return "modified"
    with open(os.open(raw(str(repo.top)) + b"/" + entry.path, _NO_FOLLOW), "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != pointer.sha256:
            return "modified"
    return "" if lfs.find(repo, pointer) else "LFS content not in .git/lfs"


def is_executable(repo: Repo, mode: int, before: int | None) -> int:
    """The mode that git gives a file on disk, given what it was before where the file system does
    not know.
    """
    if not repo.flag("core.filemode", True):
        return before if before in (FILE, EXECUTABLE) else FILE
    return EXECUTABLE if mode & 0o100 else FILE
