"""Replays of several runs in one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reprobox.commands.verify_all import Replayed
from reprobox.views import verdict
from reprobox.views.blocks import Line, Section, Table


def as_json(found: Replayed) -> dict[str, Any]:
    """With stable keys; nulls kept."""
    return {
        "run": found.run,
        "verdict": verdict.as_json(found.verdict) if found.verdict else None,
        "error": found.fault.what if found.fault else None,
    }


def sections(found: Sequence[Replayed]) -> tuple[Section, ...]:
    """A row for each run."""
    if not found:
        return (Section(title="replays", blocks=(Line("no runs match"),)),)
    table = Table(columns=("run", "verdict", "why"), rows=tuple(map(_row, found)))
    return (Section(title="replays", blocks=(table,)),)


def _row(found: Replayed) -> tuple[str | Line, ...]:
    if found.verdict is None:
        return found.run, Line("not replayed", "red"), found.fault.what if found.fault else ""
    result = found.verdict.result
    return found.run, Line(result, result.colour), verdict.sentence(found.verdict)
