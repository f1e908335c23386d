"""The live log of a run as server-sent events (HTML standard, section 9.2): lines as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from reprobox.web.log_text import STREAMS, Lines, Log

_PAUSE = 0.25
"""Seconds between two looks."""
_IDLE = 8
"""Looks without anything new after which a line that has no end yet is shown, and a comment keeps
the connection."""
_BEHIND = 4 << 20
"""Bytes; of a program that writes faster than a page can show, the middle is left out."""


class _Stream:
    """One stream from an offset on."""

    def __init__(self, run: Path, name: str, start: int) -> None:
        self._log, self._cutter, self._read = Log(run, name), Lines(), start
        self.whole = start
        """Offset after the last line that was given whole: from there a reader may continue."""

    def more(self) -> list[str]:
        """Lines that came since the last call."""
        found: list[str] = []
        behind = self._log.size() - self._read
        if behind > _BEHIND:
            found.append(
                f"… {behind - _BEHIND // 4:,} bytes are left out here; save the log for all"
            )
            self._cutter, self._read = Lines(), self._read + behind - _BEHIND // 4
        for data in self._log.read(self._read):
            if b"\n" in data:
                self.whole = self._read + data.rindex(b"\n") + 1
            self._read += len(data)
            found += self._cutter.feed(data)
        return found

    def rest(self) -> list[str]:
        """A line that has no end yet."""
        self.whole = self._read
        return self._cutter.rest()


async def follow(
    run: Path,
    starts: Mapping[str, int],
    over: Callable[[], bool],
    stopping: Callable[[], bool],
) -> AsyncIterator[str]:
    """Events until the run is over or the server ends.

    Args:
        starts: byte offsets by stream.
        over: whether nothing more will come; may take long, so it is asked in a thread.
        stopping: whether the server ends.
    """
    streams = {name: _Stream(run, name, starts.get(name, 0)) for name in STREAMS}
    idle = 0
    while not stopping():
        ended = await asyncio.to_thread(over)
        found = {name: stream.more() for name, stream in streams.items()}
        idle = 0 if any(found.values()) else idle + 1
        if ended or idle == _IDLE:
            found = {name: [*found[name], *stream.rest()] for name, stream in streams.items()}
        place = ".".join(str(stream.whole) for stream in streams.values())
        for name, lines in found.items():
            if lines:
                yield _event(name, json.dumps(lines), place)
        if ended:
            yield _event("end", "{}", place)
            return
        if idle >= _IDLE:
            idle = 0
            yield ": still here\n\n"
        await asyncio.sleep(_PAUSE)


def _event(name: str, data: str, place: str) -> str:
    return f"id: {place}\nevent: {name}\ndata: {data}\n\n"


def starts(last_event: str, query: Mapping[str, str]) -> dict[str, int]:
    """Where to begin: after the last event that the browser saw, else as the page says."""
    parts = last_event.split(".")
    if len(parts) == len(STREAMS) and all(part.isdecimal() and len(part) < 20 for part in parts):
        return dict(zip(STREAMS, map(int, parts), strict=True))
    given = {name: query.get(name, "") for name in STREAMS}
    return {
        name: int(text) if text.isdecimal() and len(text) < 20 else 0
        for name, text in given.items()
    }
