"""What a page is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from reprobox.context import Context
from reprobox.model.ports import Bar
from reprobox.web.links import Links


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question to a page."""

    context: Context
    links: Links
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    values_read: bool = True
    """Whether the metrics of all runs are in the index; the first time, reading them takes long."""

    def one(self, name: str, default: str = "") -> str:
        """The last value of a parameter."""
        found = self.query.get(name)
        return found[-1] if found else default

    def all(self, name: str) -> list[str]:
        """Every value of a parameter that is not empty."""
        return [value for value in self.query.get(name, ()) if value.strip()]

    def number(self, name: str) -> int:
        """A whole number from 1 on; 1 for anything else."""
        text = self.one(name)
        return max(1, int(text)) if text.isdecimal() and len(text) < 10 else 1


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page before it is drawn."""

    title: str
    template: str
    facts: Mapping[str, Any]
    tab: str = ""
    """The entry of the navigation that it belongs to."""


class Silence:
    """Progress that is not shown. Implements model.ports.Progress."""

    def task(self, what: str, total: int | None = None) -> AbstractContextManager[Bar]:
        """Shows nothing."""
        return nullcontext(_NoBar())

    def note(self, text: str) -> None:
        """Shows nothing."""


class _NoBar:
    def update(self, advance: int, note: str = "") -> None:
        """Shows nothing."""
