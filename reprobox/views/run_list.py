"""Runs as a table: which columns fit, what is in them, groups with mean and spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.spread import spread
from reprobox.kit.units import ago
from reprobox.model.record import UNKNOWN
from reprobox.store.run_row import RunRow
from reprobox.store.run_table import BUILTIN, Group, ValuedRow
from reprobox.store.run_values import Scalar

_GAP = 2
"""Blanks between two columns."""
_DIGESTS = ("commit", "identity", "image")
"""Columns of which the first digits say enough."""
_CUTS = (32, 24, 16, 12, 8)
"""Characters to which wanted values are cut, one after the other, until a table fits."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of text."""

    title: str
    cells: tuple[str, ...]
    right: bool = False
    rank: int = 0
    """Columns of the highest rank are left out first where the terminal is narrow; 0: never."""
    longest: int | None = None
    """Characters that a cell may be cut to."""
    wanted: bool = False
    """Whether the user asked for it: then it is never left out, and its texts may be cut."""

    @property
    def width(self) -> int:
        """Characters."""
        return max(map(len, (self.title, *self.cells)))


def columns(rows: Sequence[ValuedRow], wanted: Sequence[str], now: float) -> list[Column]:
    """The table of `ls`: what every run has, then the wanted values; empty columns are left out."""

    def of(title: str, text: Callable[[RunRow], str], rank: int, *, right: bool = False) -> Column:
        cells = tuple(text(item.row) for item in rows)
        return Column(title=title, cells=cells, rank=rank, right=right)

    shown = [
        of("run", lambda row: row.id, 0),
        replace(of("name", lambda row: row.name or "", 3), longest=20),
        of("state", lambda row: row.state, 1),
        of("exit", lambda row: "" if row.exit_code is None else str(row.exit_code), 2, right=True),
        of("when", lambda row: ago(now - row.created), 5),
        of("took", lambda row: took(row.duration), 6, right=True),
        of("commit", commit, 7),
        of("replay of", lambda row: words(row.replay_of or ""), 4),
    ]
    values = [
        Column(
            title=name,
            cells=tuple(value_text(item.values[place], name) for item in rows),
            right=any(isinstance(item.values[place], float) for item in rows),
            wanted=True,
        )
        for place, name in enumerate(wanted)
    ]
    return [column for column in (*shown, *values) if any(column.cells) or column.rank == 0]


def commit(row: RunRow) -> str:
    """The start of a commit's name, and whether it is a snapshot, which no branch has."""
    return f"{row.commit[:8]} snapshot" if row.snapshot else row.commit[:8]


def took(seconds: float | None) -> str:
    """How long a run took; nothing while it is running."""
    return "" if seconds is None else "unknown" if seconds == UNKNOWN else f"{seconds:.1f} s"


def words(run_id: str) -> str:
    """The part of a run id that people remember; it is a selector too."""
    return "-".join(run_id.split("-")[2:])


def value_text(value: Scalar, name: str = "") -> str:
    """A value for people: six significant digits."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{int(value)}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    return value.removeprefix("sha256:")[:12] if name in _DIGESTS else value


def fitted(table: Sequence[Column], width: int | None) -> list[Column]:
    """The columns that fit a width (characters); run ids and wanted values are never left out."""
    kept = list(table)
    if width is not None and _total(kept) > width:
        kept = [_cut(column, _CUTS[0]) if column.wanted else column for column in kept]
    while width is not None and _total(kept) > width:
        long = next((c for c in kept if c.longest and c.width > c.longest), None)
        if long is not None:
            cut = tuple(_shortened(cell, long.longest or 0) for cell in long.cells)
            kept[kept.index(long)] = replace(long, cells=cut)
            continue
        last = max(kept, key=lambda column: column.rank)
        if last.rank == 0:
            return _narrowed(kept, width)
        kept.remove(last)
    return kept


def _narrowed(table: Sequence[Column], width: int) -> list[Column]:
    """Names and texts of wanted values, cut as far as a width needs it; numbers stay whole."""
    found = list(table)
    for most in _CUTS:
        found = [_cut(column, most) if column.wanted else column for column in table]
        if _total(found) <= width:
            break
    return found


def _cut(column: Column, most: int) -> Column:
    cells = column.cells
    if column.right:
        most = max(most, *map(len, cells))
    else:
        cells = tuple(_shortened(cell, most) for cell in cells)
    return replace(column, title=_shortened(column.title, most), cells=cells)


def _total(table: Sequence[Column]) -> int:
    return sum(column.width + _GAP for column in table) - _GAP


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def group_columns(groups: Sequence[Group], wanted: Sequence[str], by: str) -> list[Column]:
    """A row for each group: its value, how many runs, mean ± standard deviation of each column."""
    table = [
        Column(
            title=by,
            cells=tuple(value_text(group.value, by) for group in groups),
            wanted=True,
        ),
        Column(title="runs", cells=tuple(str(len(group.runs)) for group in groups), right=True),
    ]
    for place, name in enumerate(wanted):
        if name == by or name in BUILTIN:
            continue
        cells = tuple(spread_text(group.numbers(place)) for group in groups)
        table.append(Column(title=name, cells=cells, right=True, wanted=True))
    return table


def spread_text(values: Sequence[float]) -> str:
    """`0.912 ± 0.003 (5)`: mean, standard deviation, count."""
    found = spread(values)
    if found is None:
        return ""
    if found.sd is None:
        return value_text(found.mean)
    return f"{found.mean:.6g} ± {found.sd:.2g} ({found.count})"
