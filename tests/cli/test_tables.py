"""A table without colours, for a program that reads it, has the bytes that rich gives."""

from __future__ import annotations

import pytest

from reprobox.cli import tables
from reprobox.cli.messages import Talk
from reprobox.views.blocks import Line

ROWS = [
    ("20261127-runs-1", "record, 2 streams", "none"),
    ("b", ("two", "lines here"), "1,000"),
    ("", Line(text="styled", style="red"), "x" * 400),
]


def drawn(capsys: pytest.CaptureFixture[str], rows: list[object], right: list[str]) -> str:
    tables.table(Talk(), ["run", "checked", "damage"], rows, right)  # type: ignore[arg-type]
    return capsys.readouterr().out


@pytest.mark.parametrize("right", [[], ["damage"], ["run", "checked"]])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_as_rich_draws_it(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    right: list[str],
    count: int,
) -> None:
    rows: list[object] = list(ROWS[:count])
    ours = drawn(capsys, rows, right)
    monkeypatch.setattr(tables, "_unwatched", lambda *_: None)
    assert drawn(capsys, rows, right) == ours
    assert ours.split()[0] == "run"


@pytest.mark.parametrize("cell", ["größe", "日本", "a\tb", "é"])
def test_what_may_be_wider_is_left_to_rich(cell: str) -> None:
    rows = [(cell, "b", "c")]
    fits = cell.isascii()  # `shown` writes a tab as its escape
    assert (tables._unwatched(["run", "checked", "damage"], rows, []) is not None) == fits


def test_what_does_not_fit_is_left_to_rich() -> None:
    wide = ("x" * 300,) * 5
    assert tables._unwatched(list("abcde"), [wide], []) is None
