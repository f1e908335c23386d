"""The JSON Schema of a config: valid itself, and closed."""

from __future__ import annotations

import json

import jsonschema
import pytest

from reprobox.config.schema import schema, text
from reprobox.config.settings import SETTINGS

CHECKER = jsonschema.Draft7Validator(schema())


def test_it_is_a_schema_with_every_setting_and_its_text() -> None:
    jsonschema.Draft7Validator.check_schema(schema())
    section = schema()["properties"]["reprobox"]
    assert set(section["properties"]) == {row.key for row in SETTINGS}
    assert all(one["description"] for one in section["properties"].values())
    assert not [one for one in section["properties"].values() if "](" in one["description"]]
    assert json.loads(text()) == schema()


@pytest.mark.parametrize(
    ("config", "valid"),
    [
        ({"reprobox": {"command": "x"}, "lr": 0.1}, True),
        ({"reprobox": {"command": "x", "comand": "y"}}, False),
        ({"reprobox": {}}, False),
        ({"lr": 0.1}, False),
        ({"reprobox": {"command": "x", "inputs": None}}, True),
        ({"reprobox": {"command": None}}, False),
    ],
)
def test_what_an_editor_accepts(config: object, valid: bool) -> None:
    assert CHECKER.is_valid(config) is valid


def test_another_table_gives_another_schema() -> None:
    few = [row for row in SETTINGS if row.required]
    assert list(schema(few)["properties"]["reprobox"]["properties"]) == [row.key for row in few]
