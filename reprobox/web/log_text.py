"""What a program wrote, as lines for a page: any bytes, colours, progress bars, endless lines."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from reprobox.executor import shim_report
from reprobox.kit.regex import regex
from reprobox.kit.text import shown

STREAMS = ("stdout", "stderr")
LONGEST = 2000
"""Letters of a line that are shown."""
_COLOUR = regex("\x1b\\[[0-9;:]*m")
_TAIL = 256 << 10
LINES = 500
_CHUNK = 1 << 16


class Lines:
    """Cuts a stream of bytes into lines that can be shown, with bounded memory.

    Colours are left out, other controls are written out, and of a line that was drawn again and
    again (`\\r`, as progress bars do) the last state counts.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._open, self._dropped = "", 0

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *whole, rest = self._decoder.decode(data).split("\n")
        found = []
        for text in whole:
            self._extend(text)
            found.append(self._close())
        self._extend(rest)
        return found

    def rest(self) -> list[str]:
        """The line that has no end yet, if there is one; it is cut there."""
        return [self._close()] if self._open or self._dropped else []

    def _extend(self, text: str) -> None:
        drawn_again = text.rfind("\r", 0, len(text) - 1)
        if drawn_again >= 0:
            self._open, self._dropped, text = "", 0, text[drawn_again + 1 :]
        elif self._open.endswith("\r") and text:
            self._open, self._dropped = "", 0
        space = max(0, 2 * LONGEST - len(self._open))
        self._open += text[:space]
        self._dropped += len(text[space:])

    def _close(self) -> str:
        text = _COLOUR.sub("", self._open.removesuffix("\r")).replace("\t", "    ")
        more = self._dropped + max(0, len(text) - LONGEST)
        self._open, self._dropped = "", 0
        line = shown(text[:LONGEST])
        return f"{line} … {more:,} more letters" if more else line


@dataclass(frozen=True, kw_only=True)
class Tail:
    """The end of a log."""

    stream: str
    lines: tuple[str, ...]
    size: int
    """Bytes of the whole."""
    end: int
    """Offset after the last byte that the lines stand for."""
    cut: bool
    """Whether there is more before."""


class Log:
    """One stream of a run, wherever it lies while the run goes and afterwards."""

    def __init__(self, run: Path, stream: str) -> None:
        if stream not in STREAMS:
            raise ValueError(f"no stream {stream!r}")
        self._places, self._stream = (run / stream, run / "out" / stream), stream

    def read(self, start: int) -> Iterator[bytes]:
        """Bytes from an offset on, as far as they are there."""
        with ExitStack() as stack:
            for place in self._places:
                try:
                    fd = stack.enter_context(shim_report.opened(place))
                except OSError:
                    continue
                while data := os.pread(fd, _CHUNK, start):
                    start += len(data)
                    yield data
                return

    def size(self) -> int:
        """Bytes that are there."""
        for place in self._places:
            try:
                with shim_report.opened(place) as fd:
                    return os.fstat(fd).st_size
            except OSError:
                continue
        return 0

    def tail(self, *, live: bool = False, lines: int = LINES) -> Tail:
        """Its last lines.

        Args:
            lines: how many at most.
            live: leave out a last line that has no end yet, because more will come.
        """
        size = self.size()
        start = max(0, size - _TAIL)
        data = b"".join(self.read(start))[: size - start]
        if live and b"\n" in data:
            data = data[: data.rindex(b"\n") + 1]
        cutter = Lines()
        found = [*cutter.feed(data), *cutter.rest()]
        return Tail(
            stream=self._stream,
            lines=tuple(found[-lines:]),
            size=size,
            end=start + len(data),
            cut=start > 0 or len(found) > lines,
        )
