"""From what a user types to a run: an id, a unique prefix, a name, the words of an id, `latest`,
`latest~2`.
"""

from __future__ import annotations

import re

from reprobox.errors import RunAmbiguous, RunNotFound
from reprobox.kit.regex import regex
from reprobox.kit.text import shown
from reprobox.kit.units import counted
from reprobox.store import run_ids
from reprobox.store.index import Index
from reprobox.store.run_row import RunRow

_LATEST = regex(r"latest(?:~(\d{1,9}))?")
_BORN = "created >= 0"
_STAMP = len("20261120-153012-")
_SHOWN = 10
"""How many candidates a message names."""


def find(index: Index, reference: str) -> str:
    """The id of the run that a reference means.

    Raises:
        RunNotFound: none; the nearest ids and names are suggested.
        RunAmbiguous: several; they are listed, newest first.
    """
    if match := _LATEST.fullmatch(reference):
        return _latest(index, int(match[1] or 0), reference)
    if run_ids.is_id(reference) and index.rows(f"id = ? AND {_BORN}", (reference,)):
        return reference
    return _one(reference, _named(index, reference) or _prefixed(index, reference), index)


def _latest(index: Index, back: int, reference: str) -> str:
    rows = index.rows(_BORN, limit=back + 1)
    if len(rows) <= back:
        raise RunNotFound(
            f"there is no run {reference!r}",
            why=f"This project has {counted(len(rows), 'run') if rows else 'no runs yet'}.",
            next_step="reprobox ls" if rows else "reprobox run config.yaml",
        )
    return rows[back].id


def _named(index: Index, name: str) -> list[RunRow]:
    """Runs of that name; replays carry the name of their original and step back behind it."""
    rows = index.rows(f"name = ? AND {_BORN}", (name,))
    return [row for row in rows if row.replay_of is None] or rows


def _prefixed(index: Index, start: str) -> list[RunRow]:
    if not re.fullmatch(r"[0-9a-z-]+", start):
        return []
    # An id holds lower case ASCII only, so `{` (after `z`) ends the range of a prefix.
    by_id = index.rows(f"id >= ? AND id < ? AND {_BORN}", (start, start + "{"), limit=_SHOWN + 1)
    return by_id or index.rows(
        f"substr(id, {_STAMP + 1}, ?) = ? AND {_BORN}", (len(start), start), limit=_SHOWN + 1
    )


def _one(reference: str, rows: list[RunRow], index: Index) -> str:
    if len(rows) == 1:
        return rows[0].id
    if rows:
        listed = [
            f"{row.id}  {row.state}" + (f"  {row.name}" if row.name else "")
            for row in rows[:_SHOWN]
        ]
        more = ["..."] if len(rows) > _SHOWN else []
        raise RunAmbiguous(
            f"{reference!r} means more than one run",
            why="\n".join(map(shown, listed + more)),
            next_step="give more of the id, or the whole",
        )
    recent = index.rows(_BORN, limit=1000)
    known = (
        [row.id for row in recent]
        + [row.name for row in recent if row.name]
        + [row.id[_STAMP:] for row in recent]
        + ["latest"]
    )
    import difflib

    near = difflib.get_close_matches(reference, known, n=3)
    raise RunNotFound(
        f"there is no run {reference!r}",
        why=f"Did you mean {' or '.join(near)}?" if near else "",
        next_step="reprobox ls",
    )
