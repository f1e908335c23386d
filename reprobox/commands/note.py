"""note: a text about a run, kept next to its record."""

from __future__ import annotations

from reprobox.commands.shared.annotate import annotate
from reprobox.context import Context
from reprobox.errors import UsageError

_LONGEST = 10_000
"""Characters."""


def note(context: Context, reference: str, text: str) -> str:
    """Adds a note to a run; the run's id."""
    if not text.strip() or len(text) > _LONGEST:
        raise UsageError(
            "a note needs a text of at most 10,000 characters", next_step="reprobox note --help"
        )
    return annotate(context, [reference], [{"note": text}])[0]
