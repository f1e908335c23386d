"""Causes that the differing files themselves show."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.judge import value_causes
from reprobox.model.verdict import Chance, FileDetail, FileState, FileVerdict, Place


def causes(path: str, *, ordinary: bool = False, **detail: Any) -> list[Any]:
    file = FileVerdict(path=path, state=FileState.DIFFERENT, detail=FileDetail(**detail))
    return list(value_causes.causes([file], ordinary=ordinary))


def chance(name: str, count: int = 1, **said: Any) -> Chance:
    return Chance(kind="a time", name=name, left="1", right="2", count=count, **said)


@pytest.mark.parametrize(
    ("path", "name", "certain", "format_", "rule"),
    [
        ("m.json", "$.log[3].at", True, "json", '"m.json": except-times'),
        ("m.json", "$.log[3].at", False, "json", '"m.json#$.log[*].at": ignore'),
        ("a.log", "line 1", False, "text", '"a.log": ignore'),
        ("a.bin", "offset 4", False, None, '"a.bin": ignore'),
        ("h.csv", "at[0]", False, "csv", '"h.csv#at": ignore'),
    ],
)
def test_the_line_of_config_that_settles_it(
    path: str, name: str, certain: bool, format_: str | None, rule: str
) -> None:
    [cause] = causes(path, by_chance=(chance(name, 3, certain=certain),), format=format_)
    assert cause.what == f"a time in {path} at {name} and 2 more"
    assert f"declare `outputs: {{{rule}}}`" in cause.advice


def test_the_order_of_items_is_named_with_its_first_place() -> None:
    [cause] = causes(
        "a.json", looks_like="the order of items", first=Place(name="$[0]", left="a", right="b")
    )
    assert (cause.what, cause.ours, cause.theirs) == (
        "the order of items in a.json at $[0]",
        "a",
        "b",
    )


def test_equal_content_in_other_bytes_is_packing() -> None:
    [cause] = causes("a.zip", content="equal", format="zip", packing=("times of members",))
    assert cause.what == "only the packing of a.zip (times of members)"
    assert '`outputs: {"a.zip": {compare: content}}`' in cause.advice


def test_one_byte_is_the_disk_only_where_nothing_ordinary_explains_it() -> None:
    one = {"bytes_differ": 1, "first_byte": 77}
    [cause] = causes("a.bin", **one)
    assert cause.what == "one byte of a.bin at offset 77"
    assert causes("a.bin", ordinary=True, **one) == []
    assert causes("a.bin", bytes_differ=2, first_byte=77) == []
    assert causes("a.json", first=Place(name="$.a", left=1, right=2), **one) == []


def test_a_file_that_is_the_same_has_no_cause() -> None:
    file = FileVerdict(
        path="a", state=FileState.IDENTICAL, detail=FileDetail(by_chance=(chance("x"),))
    )
    assert list(value_causes.causes([file], ordinary=False)) == []
