"""Where two runs diverge, after running them again."""

from __future__ import annotations

from typing import Any

from reprobox.commands.explain import Explained
from reprobox.model import codec
from reprobox.views import check, verdict
from reprobox.views.blocks import Line, Section


def as_json(found: Explained) -> dict[str, Any]:
    """With stable keys."""
    return {**codec.to_json(found), "verdict": verdict.as_json(found.verdict)}


def sections(found: Explained) -> tuple[Section, ...]:
    """The verdict, then what running both again showed."""
    first = found.first if found.first != found.verdict.trail else None
    lines = (
        *(f"with a trail at each step: {line}" for line in verdict.trail(first)),
        *check.operation(found.operation),
        *found.notes,
    )
    again = Section(title="run again", blocks=tuple(map(Line, lines)))
    return (*verdict.sections(found.verdict), again)
