"""All faults of a config in one error, each with its line where the line is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from reprobox.errors import ConfigError
from reprobox.kit import text as text_
from reprobox.kit.lazy_dataclass import dataclass

_SHOWN = 50
COMMAND_LINE = 0
"""Stands for a line where the value did not come from the file."""


@dataclass(kw_only=True)
class Problems:
    """Collects faults; raises them together."""

    where: str
    """The config file, for people."""
    _found: list[str] = field(default_factory=list)

    def add(self, text: str, *, line: int | None = None) -> None:
        """Notes a fault; `line` counts from 1, and COMMAND_LINE is the command line."""
        place = {None: "", COMMAND_LINE: "command line: "}.get(line, f"line {line}: ")
        self._found.append(place + text)

    def throw(self, next_step: str = "") -> None:
        """Raises what was found, if anything.

        Raises:
            ConfigError: with a line for every fault.
        """
        if not self._found:
            return
        many = len(self._found)
        shown = self._found[:_SHOWN] + ([f"and {many - _SHOWN} more"] if many > _SHOWN else [])
        what = f"{self.where} has a problem" if many == 1 else f"{self.where} has {many} problems"
        raise ConfigError(what, why="\n".join(map(text_.shown, shown)), next_step=next_step)


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)`, or nothing."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def described(value: object) -> str:
    """What was found, for people: the kind and a short form of the value."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    kind = {bool: "", int: "the number ", float: "the number ", str: "the text "}.get(
        type(value), ""
    )
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return kind + (text if len(text) <= 60 else text[:57] + "...")
