"""Messages: data on stdout, messages and progress on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from reprobox.errors import OutputLost, ReproboxError
from reprobox.kit.text import shown

if TYPE_CHECKING:
    from reprobox.cli.bars import Bar, Mode


class Talk:
    """stderr for people, stdout for data. Implements model.ports.Progress."""

    answered: ClassVar[bool] = False
    """Whether the JSON document that the command was asked for has been written."""

    def __init__(self, *, quiet: bool = False, color: bool = False, debug: bool = False) -> None:
        self.quiet, self.color, self.debug = quiet, color, debug

    @classmethod
    def plain(cls) -> Talk:
        """A talker for errors, before any option is known."""
        return cls(color=sys.stderr.isatty() and not os.environ.get("NO_COLOR"))

    def note(self, text: str) -> None:
        """A line for people."""
        if not self.quiet:
            sys.stderr.write(f"{shown(text)}\n")
            sys.stderr.flush()

    def failure(self, error: ReproboxError) -> None:
        """What happened, why, what to do next."""
        red, dim, bold, off = (
            ("\033[31m", "\033[2m", "\033[1m", "\033[0m") if self.color else ("", "", "", "")
        )
        sys.stderr.write(f"{red}error:{off} {shown(error.what)}\n")
        if error.why:
            # Several lines; names in them are escaped already.
            sys.stderr.writelines(f"{dim}{shown(line)}{off}\n" for line in error.why.split("\n"))
        if error.next_step:
            sys.stderr.write(f"{bold}next:{off} {shown(error.next_step)}\n")

    def data(self, value: Any) -> None:
        """One JSON document on stdout, keys sorted, nulls kept; dataclasses in it as objects."""
        from reprobox.model import codec

        Talk.answered = True
        _write(json.dumps(codec.to_json(value), indent=2, sort_keys=True, ensure_ascii=True))

    def line(self, text: str, *, trusted: bool = False) -> None:
        """One line of data on stdout; `trusted` text may hold our own colours."""
        _write(text if trusted else shown(text))

    @contextmanager
    def task(self, what: str, total: int | None = None) -> Iterator[Bar]:
        """Shows a step that lasts; see model.ports.Progress."""
        from reprobox.cli.bars import Bar

        mode: Mode = "none" if self.quiet else "live" if sys.stderr.isatty() else "lines"
        bar = Bar(what, total, mode=mode)
        try:
            yield bar
        finally:
            bar.close()


def _write(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise output_lost(fault) from fault


def output_lost(fault: OSError) -> OutputLost:
    """The error for a stdout that takes no more."""
    return OutputLost(
        "stdout could not be written",
        why=f"{fault.strerror or fault}. What was recorded is kept.",
        next_step="reprobox show latest",
    )
