"""Runs, newest first, filtered: in the index as far as it knows, by asking for the state of the few
that are still open.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from reprobox.errors import NewerFormat, RunNotFound, StoreDamaged
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.store import config_index
from reprobox.store.config_index import Setting
from reprobox.store.index import Index
from reprobox.store.run_row import DAMAGED, OPEN, UNREADABLE, RunRow

_RECORDED = ("finished", "failed", "interrupted", "timeout", "lost", DAMAGED, UNREADABLE)
"""States that a row with a record can have."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What a run must fulfil to be listed; None asks for nothing."""

    name: str | None = None
    tag: str | None = None
    state: str | None = None
    since: float | None = None
    until: float | None = None
    commit: str | None = None
    settings: tuple[Setting, ...] = ()
    replay_of: str | None = None


def rows(
    index: Index, state_of: Callable[[RunRow], str], wanted: Filter, limit: int | None
) -> Iterator[RunRow]:
    """The rows; `state_of` gives the state of a run without a record."""
    where, values = condition(wanted)
    needs = {"configs": bool(wanted.settings), "commits": wanted.commit is not None}
    # An open run may drop out when its state is computed, so the limit alone would cut too early.
    spare = (
        0
        if limit is None
        else len(index.rows(f"state = ? AND ({where})", [OPEN, *values], **needs))
    )
    found = (
        settled(row, state_of)
        for row in index.rows(where, values, None if limit is None else limit + spare, **needs)
    )
    matching = (row for row in found if row is not None and wanted.state in (None, row.state))
    return itertools.islice(matching, limit)


def settled(row: RunRow, state_of: Callable[[RunRow], str]) -> RunRow | None:
    """A row with its state now; None for a run that was removed since the index was read."""
    if row.state != OPEN:
        return row
    try:
        return replace(row, state=state_of(row))
    except RunNotFound:
        # Removed since the index was read.
        return None
    except (StoreDamaged, NewerFormat) as fault:
        return replace(row, state=DAMAGED, reason=fault.what)


def condition(wanted: Filter) -> tuple[str, list[Any]]:
    """The filter as SQL over the table `runs`, and the values bound in it."""
    parts: list[tuple[str, Any]] = [("created >= ?", 0.0 if wanted.since is None else wanted.since)]
    if wanted.name is not None:
        parts.append(("name GLOB ?", wanted.name))
    if wanted.tag is not None:
        parts.append(("instr(tags, ?) > 0", f"\n{wanted.tag}\n"))
    if wanted.replay_of is not None:
        parts.append(("replay_of = ?", wanted.replay_of))
    if wanted.state in _RECORDED:
        parts.append((f"state IN ('{OPEN}', ?)", wanted.state))
    elif wanted.state is not None:
        parts.append(("state = ?", OPEN))
    if wanted.until is not None:
        parts.append(("created < ?", wanted.until))
    if wanted.commit is not None:
        # Hexadecimal digits end before `g`.
        parts += [('"commit" >= ?', wanted.commit), ('"commit" < ?', f"{wanted.commit}g")]
    conditions, values = config_index.condition(wanted.settings)
    return " AND ".join([*(text for text, _ in parts), *conditions]), [
        *(value for _, value in parts),
        *values,
    ]
