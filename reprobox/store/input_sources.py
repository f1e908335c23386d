"""Which runs read the outputs of other runs, in the index; made when it is first asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from reprobox.errors import NewerFormat, StoreDamaged
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.model import codec

TABLE = "CREATE TABLE IF NOT EXISTS sources (id, source, PRIMARY KEY (id, source)) WITHOUT ROWID"
"""A line for each run and each run whose outputs it read; a run that read none has one line with an
empty source.
"""
ABSENT = (
    "SELECT runs.id FROM runs LEFT JOIN sources ON sources.id = runs.id "
    "WHERE sources.id IS NULL AND runs.created >= 0"
)
READERS = "SELECT sources.id FROM sources JOIN runs ON runs.id = sources.id WHERE source = ?"
_RUN = regex(r"\d{8}-\d{6}-[a-z]+-[a-z]+-[0-9a-f]{4}")


@dataclass(frozen=True, kw_only=True)
class _Pin:
    source: str
    tracked: bool = False


@dataclass(frozen=True, kw_only=True)
class _Asked:
    inputs: tuple[_Pin, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Intent:
    runspec: _Asked


def sources_of(source: str) -> set[str]:
    """Ids of the runs that an input's place on the host names, also through a link in it."""
    found = set(_RUN.findall(source))
    if not found and os.path.isabs(source) and "\0" not in source:
        found = set(_RUN.findall(os.path.realpath(source)))
    return found


def rows(runs: Path, ids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What the table holds of some runs. Inputs never change, so each run is read once."""
    for run_id in ids:
        try:
            intent = codec.peek(
                _Intent,
                (runs / run_id / "intent.json").read_bytes(),
                where=f"the intent of {run_id}",
            )
        except (FileNotFoundError, NotADirectoryError, StoreDamaged, NewerFormat):
            continue  # it is listed as damaged; what it needed is not known
        pins = intent.runspec.inputs
        named = {one for pin in pins if not pin.tracked for one in sources_of(pin.source)}
        yield from ((run_id, source) for source in sorted(named - {run_id}) or [""])
