"""Outputs of runs by the digest of their content: opened without following a link, and checked."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO
from urllib.parse import quote

from reprobox.context import Context
from reprobox.errors import RunNotFound, StoreDamaged, StoreError
from reprobox.kit import fd_trees
from reprobox.model.outcome import OutputFile

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20
_PICTURES: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""By first bytes; SVG is left out, because it may hold scripts."""
_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp")
PICTURE = 16 << 20
"""Bytes of a picture that a page shows."""


def find(context: Context, run_id: str, digest: str) -> OutputFile:
    """A run's output with that content.

    Args:
        digest: 64 hexadecimal digits.

    Raises:
        RunNotFound: there is no such run, or it has no such output.
    """
    wanted = f"sha256:{digest}"
    for file in context.runs.outputs(run_id):
        if file.sha256 == wanted and file.kind == "file":
            return file
    raise RunNotFound(
        f"run {run_id} has no output with this content", next_step=f"reprobox show {run_id}"
    )


@contextmanager
def opened(context: Context, run_id: str, file: OutputFile) -> Iterator[IO[bytes]]:
    """The bytes of an output, checked against the recorded digest before anything is read of them.

    Raises:
        StoreError: they did not come with an imported run, or are gone.
        StoreDamaged: they are not what was recorded.
    """
    *parents, name = os.fsencode(file.path).split(b"/")
    try:
        with fd_trees.opened(context.runs.path(run_id) / "outputs", parents) as folder:
            fd = os.open(name, _READ, dir_fd=folder)
    except OSError as fault:
        raise StoreError(
            f"the output {file.path} of {run_id} is not here",
            why=fault.strerror or "",
            next_step=f"reprobox replay {run_id}",
        ) from fault
    with os.fdopen(fd, "rb") as data:
        if not stat.S_ISREG(os.fstat(fd).st_mode) or _digest(data) != file.sha256:
            raise StoreDamaged(
                f"the output {file.path} of {run_id} is not what was recorded",
                next_step="reprobox fsck",
            )
        yield data


def _digest(data: IO[bytes]) -> str:
    hasher = hashlib.sha256()
    while chunk := data.read(_CHUNK):
        hasher.update(chunk)
    data.seek(0)
    return f"sha256:{hasher.hexdigest()}"


def may_be_picture(file: OutputFile) -> bool:
    """Whether its name and size are those of a picture that is shown."""
    return file.kind == "file" and file.size <= PICTURE and file.path.lower().endswith(_ENDINGS)


def picture_type(head: bytes) -> str | None:
    """The type of a picture that browsers draw without running anything; None for others."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _PICTURES.items() if head.startswith(start)), None)


def attachment(path: str) -> str:
    """A `Content-Disposition` that saves a file under its own name (RFC 6266)."""
    name = path.rpartition("/")[2]
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:100] or "file"
    whole = quote(name, safe="", errors="replace")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"
