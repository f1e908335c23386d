"""Seeds that the programs gave themselves, as the injected runtime noted them: two that differ are
a cause by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reprobox.model.verdict import Cause

Markers = Sequence[Mapping[str, Any]]
_WEIGHT = 94
"""Above all that was merely met, below what the two runs were asked to do."""


def differ(left: Markers, right: Markers) -> Iterable[Cause]:
    """Each place that gave a seed in both runs, where the seeds are not the same ones.

    Args:
        left: markers of the original's processes (`seeds`: `what`, `place`, `value`).
        right: the replay's.
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


def _given(markers: Markers) -> dict[tuple[str, str], frozenset[str]]:
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for marker in markers:
        # A seed drawn from the system's entropy on the same line: that draw is the cause, and is
        # told as such.
        drawn = {note["place"] for note in marker.get("entropy") or ()}
        for note in marker.get("seeds") or ():
            if note["place"] not in drawn:
                found[note["what"], note["place"]].add(note["value"])
    return {where: frozenset(values) for where, values in found.items()}


def _few(values: frozenset[str]) -> str:
    listed = sorted(values)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
