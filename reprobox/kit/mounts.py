"""Which file system a path is on, and what its locks are worth."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from reprobox.kit import files, proc
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

_NETWORK = regex(
    r"nfs\d?|lustre|gpfs|beegfs|ceph|fuse\.(ceph|glusterfs|sshfs|beegfs)|cifs|smb3|wekafs|"
    r"pvfs2|orangefs|afs|9p|virtiofs|panfs|fuse\.vmhgfs-fuse"
)
_ESCAPED = regex(r"\\([0-7]{3})")
_ANSWERS = {0: "held", 3: "not held: a second process got the same lock"}
_CHILD = """\
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(0)
sys.exit(3)
"""
_PATIENCE = 20.0


@dataclass(frozen=True, kw_only=True)
class FileSystem:
    """Where a path is."""

    kind: str
    """As the kernel names it, such as `nfs4`; empty where it does not say."""
    mounted_at: str = ""

    @property
    def on_a_network(self) -> bool:
        """Whether several hosts may have it."""
        return _NETWORK.fullmatch(self.kind) is not None


def file_system(path: Path, table: str | None = None) -> FileSystem:
    """The file system of a path that exists.

    Args:
        table: in the form of /proc/self/mountinfo (proc_pid_mountinfo(5)), which is read otherwise.
    """
    try:
        text = Path("/proc/self/mountinfo").read_text() if table is None else table
    except OSError:
        return FileSystem(kind="")
    place, found = os.path.realpath(path), FileSystem(kind="")
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or not kinds:
            continue
        at = _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
        inside = place == at or place.startswith(at.rstrip("/") + "/")
        # Of several at one place, the last one hides the others.
        if inside and len(at) >= len(found.mounted_at):
            found = FileSystem(kind=kinds[0], mounted_at=at)
    return found


def locks(folder: Path) -> str:
    """Whether a lock that this process holds keeps another process of this host out: `held`, or
    what is wrong. In a directory that may be written to.
    """
    from tempfile import TemporaryDirectory

    try:
        with TemporaryDirectory(prefix=".reprobox-locks-", dir=folder) as scratch:
            path = Path(scratch) / "lock"
            path.touch()
            with files.locked(path, wait=False):
                # Another process: over NFS two locks of one process do not conflict (flock(2)).
                done = proc.run([sys.executable, "-I", "-c", _CHILD, path], timeout=_PATIENCE)
            said = done.error_text.rpartition("\n")[2]
            return _ANSWERS.get(done.code, f"not known: {said}")
    except (OSError, proc.TooLong) as fault:
        return f"not offered: {fault}"


def links(folder: Path) -> str:
    """Whether a name can be given by a link, to one process only: `exclusive`, or what is wrong."""
    from tempfile import TemporaryDirectory

    try:
        with TemporaryDirectory(prefix=".reprobox-links-", dir=folder) as scratch:
            first, name = Path(scratch) / "first", Path(scratch) / "name"
            first.touch()
            os.link(first, name)
            try:
                os.link(first, name)
            except FileExistsError:
                return "exclusive"
            return "not exclusive: a name could be given twice"
    except OSError as fault:
        return f"not offered: {fault}"
