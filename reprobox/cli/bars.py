"""Progress of one step: a live line on a terminal, one line at its end in a pipe.

rich draws the bar and is imported when one shows. What moves before that (a step whose size is not
known yet) is drawn here, by a thread that imports nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, ClassVar, Literal

from reprobox.kit.text import shown
from reprobox.kit.units import human

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Mode = Literal["live", "lines", "none"]
QUICK = 0.4
"""Seconds of work that need no bar."""
LONG = 2.0
"""Seconds of work that get a line in a pipe."""
_EVERY = 0.1
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Bar:
    """Implements model.ports.Bar. Where several are open, the newest is drawn."""

    _lock: ClassVar = threading.RLock()
    _open: ClassVar[list[Bar]] = []

    def __init__(self, what: str, total: int | None, *, mode: Mode) -> None:
        self._what, self._total, self._mode = shown(what), total, mode
        self._done, self._begun, self._drawn = 0, time.monotonic(), 0.0
        self._rich: tuple[Progress, TaskID] | None = None
        self._spun, self._note = False, ""
        self._ended = threading.Event()
        if mode == "live":
            with self._lock:
                self._open.append(self)
            threading.Thread(target=self._spin, daemon=True).start()

    def update(self, advance: int, note: str = "") -> None:
        """Adds to the bytes that are done."""
        with self._lock:
            self._done += advance
            self._note = f" {note}" if note else self._note
            now = time.monotonic()
            quick = now - self._begun <= QUICK or now - self._drawn <= _EVERY
            if not quick and self._may_draw():
                self._drawn = now
                self._draw()

    def close(self) -> None:
        """Ends the step: takes the live line away, or writes the line for a pipe."""
        self._ended.set()
        with self._lock:
            if self in self._open:
                self._open.remove(self)
            if self._rich is not None:
                self._rich[0].stop()
            elif self._spun:
                _write("\r\033[K")
            took = time.monotonic() - self._begun
            if self._mode == "lines" and took >= LONG:
                size = f"{human(self._done)} in " if self._done else ""
                _write(f"{self._what}{self._note}: {size}{took:.1f} s\n")

    def _may_draw(self) -> bool:
        return self._mode == "live" and self._open[-1:] == [self] and not self._ended.is_set()

    def _spin(self) -> None:
        frame = 0
        while not self._ended.wait(QUICK if frame == 0 else _EVERY):
            with self._lock:
                if self._rich is not None:
                    return
                if self._may_draw():
                    self._spun = True
                    seconds = time.monotonic() - self._begun
                    dots = _FRAMES[frame % len(_FRAMES)] if _unicode() else "-"
                    _write(f"\r\033[K{dots} {self._what}{self._note}  {seconds:.0f} s")
            frame += 1

    def _draw(self) -> None:
        if self._rich is None:
            if self._spun:
                _write("\r\033[K")
            self._rich = self._started()
        progress, task = self._rich
        progress.update(task, completed=self._done, description=self._what + self._note)
        progress.refresh()

    def _started(self) -> tuple[Progress, TaskID]:
        from rich import progress as bars
        from rich.console import Console

        sizes = (bars.DownloadColumn(), bars.TransferSpeedColumn())
        made = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            *((bars.BarColumn(20), *sizes, bars.TimeRemainingColumn()) if self._total else sizes),
            console=Console(file=sys.stderr),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        made.start()
        return made, made.add_task(self._what, total=self._total)


def _unicode() -> bool:
    return (sys.stderr.encoding or "").lower().startswith("utf")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
