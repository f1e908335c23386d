"""tag: tags added to a run afterwards, or removed."""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.commands.shared.annotate import annotate
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.kit.text import shown


def tag(
    context: Context, references: Sequence[str], tags: Sequence[str], *, remove: bool = False
) -> list[str]:
    """Adds tags to runs, or removes them; the runs' ids.

    Raises:
        UsageError: a tag that is empty or has a line break.
        RunNotFound, RunAmbiguous: nothing is changed.
    """
    for one in tags:
        if not one.strip() or "\n" in one:
            raise UsageError(f"'{shown(one)}' cannot be a tag", next_step="reprobox tag --help")
    word = "untag" if remove else "tag"
    return annotate(context, references, [{word: one} for one in tags])
