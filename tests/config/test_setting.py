"""Rows of settings, read together."""

from __future__ import annotations

from typing import Any

import pytest
from config_sections import Read

from reprobox.config.kinds import Choice, Scope, Text, Whole
from reprobox.config.setting import Mapping, Setting, as_written, object_schema, read_all


def row(key: str, kind: Any, **said: Any) -> Setting:
    return Setting(key=key, kind=kind, about=f"[{key}](x.md) is `it`.", sample=f"{key}: 1", **said)


class Pair:
    """A kind that gives two fields at once."""

    as_written = False

    def read(self, section: Any, name: str, scope: Scope) -> tuple[str, str]:
        left, _, right = section.value[name].partition("-")
        return left, right

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


def test_values_by_field_and_absent_ones_by_their_default() -> None:
    rows = [
        row("a", Text(str), field="resources.a"),
        row("b", Pair(), field=("left", "right")),
        row("c", Whole(0, 9), default=lambda scope: len(scope.document)),
        row("d", Whole(0, 9)),
    ]
    read = Read({"a": "x", "b": "1-2"})
    found = read_all(read.section, rows, read.scope)
    assert found == {"resources.a": "x", "left": "1", "right": "2", "c": 1}
    assert read.faults() == []


def test_what_is_read_first_is_seen_by_the_others() -> None:
    class Sees:
        as_written = False

        def read(self, section: Any, name: str, scope: Scope) -> Any:
            return scope.values.get("early")

        def schema(self) -> dict[str, Any]:
            return {"type": "string"}

    rows = [row("late", Sees()), row("early", Text(str), first=True)]
    read = Read({"late": 1, "early": "seen"})
    assert read_all(read.section, rows, read.scope)["late"] == "seen"


def test_a_required_key_that_is_absent_is_read_and_so_refused() -> None:
    read = Read({})

    class Refuses(Pair):
        def read(self, section: Any, name: str, scope: Scope) -> Any:
            section.fault((name,), "is needed")

    assert read_all(read.section, [row("a", Refuses(), required=True)], read.scope) == {}
    assert "reprobox.a: is needed" in read.faults()[0]


def test_a_mapping_within_has_rows_of_its_own() -> None:
    inner = Mapping(
        (row("n", Whole(0, 9)), row("t", Text(str))), lambda found: sorted(found.items())
    )
    read = Read({"m": {"n": 3, "odd": 1}})
    assert read_all(read.section, [row("m", inner)], read.scope) == {"m": [("n", 3)]}
    assert "reprobox.m.odd" in read.faults()[0]
    assert as_written([row("m", inner), row("w", Text(str))]) == [("m", "t"), ("w",)]


def test_the_schema_lets_a_key_be_empty_unless_it_is_required() -> None:
    rows = [row("a", Text(str), required=True), row("c", Choice(("x",))), row("n", Whole(0, 9))]
    found = object_schema(rows)
    assert (found["required"], found["additionalProperties"]) == (["a"], False)
    assert found["properties"]["c"]["enum"] == ["x", None]
    assert found["properties"]["n"]["type"] == ["integer", "null"]
    assert found["properties"]["a"]["type"] == ["string", "number"]
    assert found["properties"]["a"]["description"] == "a is it."


@pytest.mark.parametrize(
    ("field", "fields"), [("", ("k",)), ("a.b", ("a.b",)), (("a", "b"), ("a", "b"))]
)
def test_the_fields_of_a_row(field: Any, fields: tuple[str, ...]) -> None:
    assert row("k", Text(str), field=field).fields == fields
