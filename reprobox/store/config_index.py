"""The configs of runs in the index: a line a value, so that runs are found by what was set. Made
when it is first asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from reprobox.errors import NewerFormat, StoreDamaged
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec

TABLE = "CREATE TABLE IF NOT EXISTS settings (id PRIMARY KEY, text) WITHOUT ROWID"
ABSENT = (
    "SELECT runs.id FROM runs LEFT JOIN settings ON settings.id = runs.id "
    "WHERE settings.id IS NULL AND runs.created >= 0"
)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value that a run's config must have: one of some, since `3.10` may be a number or text."""

    key: tuple[str, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class _Intent:
    config: dict[str, Any]


def condition(wanted: Sequence[Setting]) -> tuple[list[str], list[str]]:
    """SQL that holds for runs with these settings, and its values."""
    parts, values = [], []
    for setting in wanted:
        lines = list(dict.fromkeys(f"\n{_line(setting.key, value)}\n" for value in setting.values))
        found = " OR ".join(["instr(settings.text, ?) > 0"] * len(lines))
        parts.append(f"EXISTS (SELECT 1 FROM settings WHERE settings.id = runs.id AND ({found}))")  # noqa: S608  (fixed text)
        values += lines
    return parts, values


def rows(runs: Path, ids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What the table holds of some runs. A config never changes, so each is read once."""
    for run_id in ids:
        try:
            config = codec.peek(
                _Intent,
                (runs / run_id / "intent.json").read_bytes(),
                where=f"the intent of {run_id}",
            ).config
        except (FileNotFoundError, NotADirectoryError, StoreDamaged, NewerFormat):
            continue  # it is listed as damaged; whether it had the setting is not known
        text = "".join(f"\n{line}" for line in _lines(config, ()))
        yield run_id, f"{text}\n".encode("utf-8", "backslashreplace").decode()


def _lines(value: dict[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from _lines(inner, (*keys, key))
        else:
            yield _line((*keys, key), inner)


def _line(keys: tuple[str, ...], value: Any) -> str:
    """JSON escapes line ends, so no value can look like two lines."""
    name = ".".join(key.replace(".", "\\.") for key in keys)
    return f"{json.dumps(name)}={json.dumps(_plain(value), sort_keys=True)}"


def _plain(value: Any) -> Any:
    """1.0 and 1 are the same number."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return (
        {key: _plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value
    )
