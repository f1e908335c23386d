"""Wide and ragged tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reader_flips import read

from reprobox.judge import content
from reprobox.judge.leaves import Treatment
from reprobox.judge.tensors import Tolerance

COLUMNS = 3000


def _table(path: Path, *rows: list[str]) -> content.Content:
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    return read(path, "a.csv")


def _compared(tmp_path: Path, changed: dict[int, str], **how: Any) -> dict[str, Any]:
    names = [f"c{place}" for place in range(COLUMNS)]
    row = [str(place) for place in range(COLUMNS)]
    other = [changed.get(place, cell) for place, cell in enumerate(row)]
    left = _table(tmp_path / "left", names, row, row)
    right = _table(tmp_path / "right", names, row, other)
    return content.compare(left, right, Tolerance(), **how)


def test_a_cell_of_a_wide_table_is_named_by_its_column_and_row(tmp_path: Path) -> None:
    found = _compared(tmp_path, {2500: "7.5"})
    assert not found["within"]
    assert (found["first"]["name"], found["first"]["right"]) == ("c2500[1]", 7.5)
    assert (found["count"], found["total"]) == (1, 3 * COLUMNS + 2)


def test_the_same_numbers_of_a_wide_table_may_be_spelled_otherwise(tmp_path: Path) -> None:
    assert _compared(tmp_path, {7: "7.0", 8: "8e0"})["same"]
    assert not _compared(tmp_path, {7: "7.0000000000000001"})["same"]


def test_a_rule_selects_a_column_of_a_wide_table(tmp_path: Path) -> None:
    ignore = [Treatment(pattern="c2500")]
    assert _compared(tmp_path, {2500: "7.5"}, treatments=ignore)["within"]
    found = _compared(tmp_path, {2500: "7.5", 2501: "7.5"}, treatments=ignore)
    assert [one["name"] for one in [found["first"]]] == ["c2501[1]"]


def test_rows_of_one_cell_below_a_wide_row_take_no_table_of_gaps(tmp_path: Path) -> None:
    long, short = [f"c{place}" for place in range(20_001)], [["1"]] * 20_000
    left = _table(tmp_path / "left", long, *short)
    assert sum(len(getattr(leaf, "values", "1")) for leaf in left.leaves.values()) < 100_000
    other = _table(tmp_path / "right", long, *short[:-1], ["2"])
    found = content.compare(left, other, Tolerance())
    assert (found["first"]["name"], found["count"]) == ("c0[19999]", 1)
    shorter = content.compare(left, _table(tmp_path / "right", long, *short[:-1]), Tolerance())
    assert not shorter["within"]
