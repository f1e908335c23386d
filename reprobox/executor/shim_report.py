"""What lies in a run's `out` when its container has ended. The program could write there too, so
nothing of it is believed unseen.

Links are not followed, sizes are capped, types are checked; what does not fit is left out, and the
record says so.
"""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import field
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, cast, get_args

from reprobox.errors import NewerFormat, StoreDamaged
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec, observed
from reprobox.model.outcome import Reason

_REPORT, _MET, _MARKER = 1 << 16, 1 << 23, 1 << 20
"""Bytes. `met.json` names every package of the image (100 bytes each); a marker names what one
process loaded.
"""
_MARKERS, _LOOKED_AT, _MARKER_BYTES = 256, 10_000, 1 << 23
"""Processes that are kept, directory entries that are read, and bytes of all markers together."""
_NAMED = 10
"""Of what is left out, so many are named."""
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_REASONS = get_args(Reason)
_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


@dataclass(frozen=True, kw_only=True)
class Report:
    """exit.json, as the shim writes it."""

    FORMAT: ClassVar[str] = "reprobox.exit/1"

    format: str = FORMAT
    code: int
    reason: str
    signal: int | None = None
    message: str = ""
    started: float
    finished: float
    duration: float
    peak_memory: int | None = None
    oom_kills: int | None = None
    forwarded: list[int] = field(default_factory=list)
    """Signals that came from outside the container."""

    def __post_init__(self) -> None:
        if (
            not 0 <= self.code <= 255
            or self.reason not in _REASONS
            or (self.signal is not None and not 0 < self.signal < 128)
        ):
            raise ValueError("invalid exit status")
        if not (
            0 <= self.started < 1e11 and 0 <= self.finished < 1e11 and 0 <= self.duration < 1e11
        ):
            raise ValueError("timestamp out of range")

    @property
    def told_to_end(self) -> bool:
        """Whether the program was asked from outside of the container to end."""
        return bool(_ENDING & set(self.forwarded))

    @property
    def why(self) -> Reason:
        """The reason, one of those that there are."""
        return cast("Reason", self.reason)


def expect() -> None:
    """Makes ready what reads the documents: reading the types of their fields takes longer than
    reading a document.
    """
    observed.fits({})
    with suppress(StoreDamaged):
        codec.from_json(Report, {"format": Report.FORMAT}, where="exit.json")


def report(out: Path) -> Report | None:
    """How the program ended; None when the shim could not say, or what lies there is not its
    report.
    """
    value = _document(out / "exit.json", _REPORT)
    try:
        return None if value is None else codec.from_json(Report, value, where="exit.json")
    except (NewerFormat, StoreDamaged):
        return None  # the program may have written it: a run is recorded all the same


def inside(out: Path, *, markers: Path) -> dict[str, Any]:
    """What the container said of itself, its processes included; `refused` names what was left out.

    Args:
        out: where `met.json` is.
        markers: the directory that holds `markers/`.
    """
    refused: list[str] = []
    said = _document(out / "met.json", _MET)
    if said is None or not observed.fits(said) or said.get("format") != "reprobox.met/1":
        refused += ["met.json"] if os.path.lexists(out / "met.json") else []
        said = {}
    said["processes"] = _markers(markers, refused)
    return {**said, **({"refused": refused} if refused else {})}


def _markers(out: Path, refused: list[str]) -> list[dict[str, Any]]:
    """One document a process, in order of their names."""
    try:
        folder = os.open(out / "markers", _OPEN | os.O_DIRECTORY)
    except OSError:
        return []
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name for entry in islice(entries, _LOOKED_AT) if entry.name.endswith(".json")
            )
        return list(_believed(names, folder, refused))
    finally:
        os.close(folder)


def _believed(names: list[str], folder: int, refused: list[str]) -> Iterator[dict[str, Any]]:
    count, left = 0, _MARKER_BYTES
    for name in names:
        value = _document(Path(name), min(_MARKER, left), folder) if count < _MARKERS else None
        if value is not None and observed.fits({"processes": [value]}):
            count, left = count + 1, left - len(canon.canonical(value))
            yield value
        elif len(refused) < _NAMED:
            refused.append(f"markers/{name}")


def _document(path: Path, limit: int, folder: int | None = None) -> dict[str, Any] | None:
    """A JSON object in a regular file of bounded size."""
    try:
        with opened(path, folder) as fd:
            data = _read(fd, limit)
        value = None if data is None else canon.parse(data)
        canon.canonical(value)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _read(fd: int, limit: int) -> bytes | None:
    if os.fstat(fd).st_size > limit:
        return None
    with os.fdopen(os.dup(fd), "rb") as file:
        data = file.read(limit + 1)
    return data if len(data) <= limit else None


@contextmanager
def opened(path: Path, folder: int | None = None) -> Iterator[int]:
    """A descriptor of a regular file, never through a link in its last part and never waiting for a
    writer.

    Raises:
        OSError: it is not there, or something else is.
    """
    fd = os.open(path, _OPEN, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(f"{path} is not a regular file")
        yield fd
    finally:
        os.close(fd)
