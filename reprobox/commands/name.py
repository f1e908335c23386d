"""name: a run's name, given afterwards."""

from __future__ import annotations

from reprobox.commands.shared.annotate import annotate
from reprobox.commands.shared.refusals import refuse_name
from reprobox.context import Context


def name(context: Context, reference: str, text: str) -> str:
    """Gives a run a name, or takes it away with an empty text; the run's id.

    Raises:
        UsageError: the text would mean other runs.
    """
    if text:
        refuse_name(text)
    return annotate(context, [reference], [{"name": text}])[0]
