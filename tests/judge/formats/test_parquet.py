"""Parquet, by column, through pyarrow; without it, the file is not checked and says why."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from looking import look
from pyarrow import parquet

from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileVerdict

PLAIN: dict[str, Any] = {
    "loss": [0.5, 0.25, float("nan")],
    "step": pyarrow.array([1, None, 2**60 + 1], pyarrow.int64()),
    "label": ["a", None, "None"],
    "at": pyarrow.array([1, 2, 3], pyarrow.timestamp("ns")),
    "day": [datetime.date(2026, 11, 20)] * 3,
    "good": [True, None, False],
    "each": [[0.1], [], None],
}


def looked(
    tmp_path: Path,
    left: dict[str, Any],
    right: dict[str, Any],
    compare: str = "content",
    **how: Any,
) -> FileVerdict:
    paths = (tmp_path / "left.parquet", tmp_path / "right.parquet")
    parquet.write_table(pyarrow.table(left), paths[0], compression="snappy")
    parquet.write_table(pyarrow.table(right), paths[1], **{"compression": "zstd", **how})
    return look(*paths, OutputRule(pattern="*", compare=compare))  # type: ignore[arg-type]


def test_another_compression_is_the_same_content(tmp_path: Path) -> None:
    assert looked(tmp_path, PLAIN, PLAIN).state == "equal-under-rule"
    found = looked(tmp_path, PLAIN, PLAIN, "bytes", row_group_size=1)
    assert (found.state, found.detail.content) == ("different", "equal")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("loss", [0.5, 0.25000000000000006, float("nan")]),
        ("loss", pyarrow.array([0.5, 0.25, None], pyarrow.float64())),
        ("step", pyarrow.array([1, None, 2**60], pyarrow.int64())),
        ("step", pyarrow.array([1, 0, 2**60 + 1], pyarrow.int64())),
        ("step", pyarrow.array([1, None, 2**60 + 1], pyarrow.uint64())),
        ("label", ["a", "None", "None"]),
        ("at", pyarrow.array([1, 2, 4], pyarrow.timestamp("ns"))),
        ("day", [datetime.date(2026, 11, 20)] * 2 + [datetime.date(2026, 11, 21)]),
        ("good", [True, False, False]),
        ("each", [[0.1], [], []]),
    ],
)
def test_one_value_that_differs_is_found_in_its_column(
    column: str, values: Any, tmp_path: Path
) -> None:
    found = looked(tmp_path, PLAIN, {**PLAIN, column: values})
    assert found.state == "different"
    places = [
        found.detail.first and found.detail.first.name,
        *found.detail.missing,
        *found.detail.extra,
    ]
    assert any(place and place.startswith(("<schema>", column)) for place in places)


def test_a_damaged_file_is_not_checked(tmp_path: Path) -> None:
    assert looked(tmp_path, PLAIN, PLAIN).state == "equal-under-rule"
    right = tmp_path / "right.parquet"
    right.write_bytes(right.read_bytes()[:-40])
    found = look(tmp_path / "left.parquet", right, OutputRule(pattern="*", compare="content"))
    assert found.state == "not-checked"
    assert "not a readable parquet file" in found.detail.why


def test_without_pyarrow_it_is_not_checked_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden" / "pyarrow"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('not here')\n")
    monkeypatch.syspath_prepend(str(hidden.parent))
    found = looked(tmp_path, PLAIN, PLAIN)
    assert found.state == "not-checked"
    assert "pyarrow, which is not installed" in found.detail.why
    assert looked(tmp_path, PLAIN, PLAIN, "bytes").state == "different"
