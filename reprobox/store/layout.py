"""Where things lie in a store, how a store is created, and how the operating system's errors are
reported.

Two stores have this layout: the project's `.reprobox` and the user's shared one. `VERSION` is
published last, after every directory is durable: who sees it may rely on all of them, also after a
power cut.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from reprobox.errors import NewerFormat, StoreError
from reprobox.kit import files

FORMAT = "reprobox.store/1"
SHORT = "reprobox.store/2"
"""Of a store whose runs name their locks as objects (run_documents), which 0.1 cannot read."""
INPUTS = "inputs"
"""Below a project's store: input trees that came with runs, laid out to be mounted; each named by
the hexadecimal of its digest.
"""
_FOLDERS = ("tmp", "objects", "objects/sha256", "memo", "runs", "roots")
_ADVICE = {
    errno.ENOSPC: "free some space (`reprobox gc` lists what is reclaimable), then try again",
    errno.EDQUOT: "your disk quota is used up: free some space, then try again",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`), then try again",
    errno.ENFILE: "the machine has too many open files; try again later",
    errno.EROFS: "the file system is mounted read-only",
    errno.EIO: "the disk failed to answer: look at the kernel's log, then run `reprobox fsck`",
}


@contextlib.contextmanager
def trouble(doing: str) -> Iterator[None]:
    """Reports an operating system error as StoreError; "not there" passes, because only the caller
    knows what it means.
    """
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as fault:
        raise StoreError(f"{doing} failed", why=str(fault), next_step=_advice(fault)) from fault


def _advice(fault: OSError) -> str:
    if fault.errno in (errno.EACCES, errno.EPERM):
        return _to_own(fault.filename) or "check owner and mode of the store's directory"
    return _ADVICE.get(fault.errno or 0, "try again; `reprobox doctor` looks for causes")


def _to_own(name: object) -> str:
    """The command that makes the file or directory of another user ours; empty where there is
    none.
    """
    path = Path(os.fsdecode(name)) if isinstance(name, str | bytes) else Path()
    for place in (path, *path.parents) if path.is_absolute() else ():
        with contextlib.suppress(OSError):
            if os.lstat(place).st_uid != os.geteuid():
                return f"sudo chown -R {os.geteuid()}:{os.getegid()} {shlex.quote(str(place))}"
            return ""
    return ""


def closed(path: Path | str) -> bool:
    """Whether it is a directory that this user may not look into: a run of another user, or of
    `sudo`.
    """
    return not os.access(path, os.R_OK | os.X_OK, effective_ids=True) and Path(path).is_dir()


def ensure(root: Path) -> None:
    """Creates the store if it is not there (or was not finished), durably; checks its version if it
    is.

    Raises:
        NewerFormat: the store was made by a newer reprobox.
        StoreError: the store cannot be read or written.
    """
    with trouble(f"opening the store {root}"):
        try:
            found = (root / "VERSION").read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            _create(root)
            return
    if found not in (FORMAT, SHORT):
        raise NewerFormat(
            f"the store {root} has format {found[:60]!r}, this reprobox reads {SHORT!r}",
            next_step="use the reprobox version that made it, or a newer one",
        )


def raise_format(root: Path) -> None:
    """Marks the store as SHORT, durably, before something is written that 0.1 cannot read."""
    with trouble(f"opening the store {root}"):
        if (root / "VERSION").read_text(encoding="ascii", errors="replace").strip() == FORMAT:
            files.replace(root / "VERSION", f"{SHORT}\n".encode("ascii"), 0o644)


def _create(root: Path) -> None:
    """Makes every directory durable first; a directory that exists may be another process's that is
    not synced yet.
    """
    files.make_dir(root)
    files.fsync_dir(root.parent)
    fan_out = tuple(f"objects/sha256/{byte:02x}" for byte in range(256))
    for name in (*_FOLDERS, *fan_out):
        (root / name).mkdir(exist_ok=True)
    for name in ("objects/sha256", "objects", "."):
        files.fsync_dir(root / name)
    for name, text in ((".gitignore", "*\n"), ("VERSION", FORMAT + "\n")):
        # FileExistsError: another process created the same store at the same moment, with the same
        # bytes.
        with contextlib.suppress(FileExistsError):
            files.publish(root / name, text.encode("ascii"), 0o644)


def whose(path: Path) -> str:
    """Why a directory of a store may not be read, and the command that changes that."""
    owner = os.lstat(path).st_uid
    return f"it belongs to user {owner}; next: {_to_own(str(path)) or f'chmod -R u+rwX {path}'}"


@contextlib.contextmanager
def store_lock(root: Path, *, shared: bool) -> Iterator[None]:
    """Publishing and touching hold it shared, removing holds it exclusive: nothing is removed that
    another command has just found.
    """
    with files.locked(root / "lock", shared=shared):
        yield


def exists(path: Path | str) -> bool:
    """Whether the name is taken. `Path.exists` takes some errors for absence and follows links;
    this raises them.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
