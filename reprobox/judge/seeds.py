"""Seeds that the programs set themselves, as the injected runtime noted them: two that differ are a
cause by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from reprobox.model.observed import Process
from reprobox.model.verdict import Cause

_WEIGHT = 94
"""Above all that was only observed, below what the two runs were asked to do."""


def differ(left: Sequence[Process], right: Sequence[Process]) -> Iterable[Cause]:
    """Each place that set a seed in both runs, where the seeds differ.

    Args:
        left: processes of the original.
        right: of the replay.
    """
    ours, theirs = _given(left), _given(right)
    for what, place in sorted(ours.keys() & theirs.keys()):
        one, other = ours[what, place], theirs[what, place]
        if one != other:
            advice = (
                "the program takes this seed from something that changes, such as the clock: "
                "take it from the config"
            )
            yield Cause(
                what=f"seed of {what} at {place}",
                ours=_few(one),
                theirs=_few(other),
                advice=advice,
                weight=_WEIGHT,
            )


def _given(processes: Sequence[Process]) -> dict[tuple[str, str], frozenset[str]]:
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for one in processes:
        # A seed drawn from the system's entropy on the same line: that draw is the cause, and is
        # reported as one.
        drawn = {note.place for note in one.entropy or ()}
        for note in one.seeds or ():
            if note.place not in drawn:
                found[note.what, note.place].add(note.value)
    return {where: frozenset(values) for where, values in found.items()}


def _few(values: frozenset[str]) -> str:
    listed = sorted(values)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
