"""A run's outputs on the disk, by directory descriptors and never through a link: written when they
come from elsewhere, each file made new; copied to where the user wants them; and looked at again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from reprobox.errors import HashMismatch, StoreDamaged, UsageError
from reprobox.kit import canon, fd_trees, files
from reprobox.kit.text import shown
from reprobox.model.outcome import OutputFile
from reprobox.store import layout

_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write(top: Path, outputs: Sequence[OutputFile], where: Callable[[str], Path]) -> None:
    """Writes a manifest's files into a directory that is not there yet; links last, so that nothing
    can go through them.

    Raises:
        HashMismatch: the bytes are not what the manifest says.
    """
    top.mkdir(mode=0o700)
    for file in sorted(outputs, key=lambda file: file.kind == "link"):
        path = os.fsencode(file.path)
        if file.kind == "dir":
            with _directory(top, path.split(b"/")) as fd:
                os.fchmod(fd, file.mode & 0o777 | 0o700)
            continue
        *parents, name = path.split(b"/")
        with _directory(top, parents) as folder:
            if file.kind == "link":
                os.symlink(where(file.sha256).read_bytes(), name, dir_fd=folder)
            else:
                _write_file(folder, name, file, where(file.sha256))


@contextlib.contextmanager
def _directory(top: Path, parts: Sequence[bytes]) -> Iterator[int]:
    """A descriptor of a directory below `top`, made where it is not there."""
    fd = os.open(top, fd_trees.DIRECTORY)
    try:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=fd)
            inner = os.open(part, fd_trees.DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def _write_file(folder: int, name: bytes, file: OutputFile, source: Path) -> None:
    fd = os.open(name, _FILE, 0o600, dir_fd=folder)
    with os.fdopen(fd, "wb") as target, source.open("rb") as data:
        digest, size = canon.copy_hashing(data, target)
        if (digest, size) != (file.sha256, file.size):
            raise HashMismatch(
                f"the bytes for {file.path} are not what the manifest says",
                why=f"expected {file.sha256}",
            )
        os.fchmod(target.fileno(), file.mode & 0o777)


def repair(
    top: Path, wrong: Sequence[OutputFile], where: Callable[[str], Path], room: Path
) -> None:
    """Writes some outputs anew, each over what is at its path; links last.

    Args:
        room: an empty directory on the same file system, in which files are written before they get
            their names, and to which directories that stand in the way are moved.

    Raises:
        HashMismatch: the bytes are not what the manifest says.
    """
    for number, file in enumerate(sorted(wrong, key=lambda file: file.kind == "link")):
        *parents, name = os.fsencode(file.path).split(b"/")
        with _directory(top, parents) as folder, fd_trees.opened(room) as aside:
            fresh = b"new-%d" % number
            if file.kind == "link":
                os.symlink(where(file.sha256).read_bytes(), fresh, dir_fd=aside)
            elif file.kind == "file":
                _write_file(aside, fresh, file, where(file.sha256))
            else:
                os.mkdir(fresh, file.mode & 0o777 | 0o700, dir_fd=aside)
            with contextlib.suppress(FileNotFoundError):
                os.rename(name, b"old-%d" % number, src_dir_fd=folder, dst_dir_fd=aside)
            os.rename(fresh, name, src_dir_fd=aside, dst_dir_fd=folder)


def looks_whole(top: Path, file: OutputFile, before: float) -> bool:
    """Whether an output has the recorded kind and size, and was not changed after a moment (seconds
    since 1970, by the kernel's own time, which no program can put back). Its bytes are not read.
    """
    *parents, name = os.fsencode(file.path).split(b"/")
    try:
        with fd_trees.opened(top, parents) as folder:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    kind = {stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFDIR: "dir"}.get(
        stat.S_IFMT(status.st_mode)
    )
    return kind == file.kind and (
        kind == "dir" or (status.st_size == file.size and status.st_ctime <= before)
    )


def take(
    stored: Path, outputs: Sequence[OutputFile], top: Path, moved: Callable[[int], None]
) -> None:
    """Copies outputs into a directory of the user's own, each checked against its hash while it is
    copied; nothing there is replaced.

    Links come last and are never followed, those of an earlier copy neither. A file has its name
    when it is whole.

    Args:
        stored: the run's own outputs.
        moved: called with the number of bytes that were copied.

    Raises:
        UsageError: something is there under such a name; nothing was written.
        StoreDamaged: an output is not what the manifest says, or is gone.
    """
    if taken := [file.path for file in outputs if file.kind != "dir" and _is_there(top, file.path)]:
        more = f" (and {len(taken) - 1:,} more)" if len(taken) > 1 else ""
        raise UsageError(
            f"{shown(str(top))} has {shown(taken[0])} already{more}",
            why="Nothing was written.",
            next_step="name another directory",
        )
    with layout.trouble(f"writing to {shown(str(top))}"):
        try:
            top.mkdir(parents=True, exist_ok=True)
        except FileExistsError as fault:
            raise UsageError(
                f"{shown(str(top))} is not a directory", next_step="name another one"
            ) from fault
        for file in sorted(outputs, key=lambda file: file.kind == "link"):
            _take(stored, file, top, moved)


def _is_there(top: Path, path: str) -> bool:
    *parents, name = os.fsencode(path).split(b"/")
    try:
        with fd_trees.opened(top, parents) as folder:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return True  # something on the way is a file or a link
    return True


def _take(stored: Path, file: OutputFile, top: Path, moved: Callable[[int], None]) -> None:
    *parents, name = os.fsencode(file.path).split(b"/")
    if file.kind == "dir":
        with _directory(top, [*parents, name]):
            return
    try:
        with fd_trees.opened(stored, parents) as origin, _directory(top, parents) as folder:
            if file.kind == "link":
                target = os.readlink(name, dir_fd=origin)
                _require(file, canon.digest_bytes(target))
                os.symlink(target, name, dir_fd=folder)
            else:
                _take_file(origin, folder, name, file, moved)
    except FileNotFoundError as fault:
        raise StoreDamaged(
            f"the output {shown(file.path)} is gone", why=str(fault), next_step="reprobox fsck"
        ) from fault


def _take_file(
    origin: int, folder: int, name: bytes, file: OutputFile, moved: Callable[[int], None]
) -> None:
    hasher, temp = hashlib.sha256(), os.fsencode(files.temp_beside(Path()).name)
    fd = os.open(name, _READ, dir_fd=origin)
    with (
        os.fdopen(fd, "rb") as source,
        os.fdopen(os.open(temp, _FILE, 0o600, dir_fd=folder), "wb") as target,
    ):
        try:
            while chunk := source.read(_CHUNK):
                hasher.update(chunk)
                target.write(chunk)
                moved(len(chunk))
            _require(file, f"sha256:{hasher.hexdigest()}")
            target.flush()
            os.fchmod(target.fileno(), file.mode & 0o777 | 0o600)
            os.rename(temp, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(temp, dir_fd=folder)
            raise


def _require(file: OutputFile, found: str) -> None:
    if found != file.sha256:
        raise StoreDamaged(
            f"the output {shown(file.path)} is not what was recorded",
            why=f"recorded {file.sha256}\nfound    {found}",
            next_step="`reprobox fsck` names all damage; `reprobox pull --from PLACE` fetches "
            "a good copy",
        )


def found(top: Path | str, path: str) -> tuple[str, str]:
    """What lies at an output's place now: its kind and digest; `gone` and `something else` have
    none.

    Raises:
        OSError: it cannot be read.
    """
    *parents, name = os.fsencode(path).split(b"/")
    try:
        with fd_trees.opened(top, parents) as folder:
            return _found(folder, name)
    except (FileNotFoundError, NotADirectoryError):
        return "gone", ""


def _found(folder: int, name: bytes) -> tuple[str, str]:
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        return "link", canon.digest_bytes(os.readlink(name, dir_fd=folder))
    if stat.S_ISDIR(mode):
        return "dir", canon.digest_bytes(b"")
    if not stat.S_ISREG(mode):
        return "something else", ""
    fd = os.open(name, _READ, dir_fd=folder)
    try:
        return "file", canon.digest_descriptor(fd)
    finally:
        os.close(fd)
