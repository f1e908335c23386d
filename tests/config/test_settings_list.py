"""The list of settings in docs/config.md."""

from __future__ import annotations

import pytest

from reprobox.config.kinds import Flag
from reprobox.config.setting import Setting
from reprobox.config.settings_list import WIDTH, listed


def row(**said: object) -> Setting:
    return Setting(**{"key": "x", "kind": Flag(), "about": "A.", "sample": "x: 1", **said})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "default"),
    [
        (row(required=True), "required"),
        (row(absent="the host's"), "default: the host's"),
        (row(key="seed"), "default: `0`"),
        (row(field="resources.memory"), "default: `None`"),
    ],
)
def test_the_default_is_the_field_s_or_what_the_row_says(setting: Setting, default: str) -> None:
    assert listed([setting]) == f"- **`{setting.key}`** ({default}): A.\n"


def test_long_text_is_wrapped_below_its_item() -> None:
    lines = listed([row(absent="a", about="word " * 60)]).splitlines()
    assert len(lines) > 2
    assert all(line.startswith("  ") for line in lines[1:])
    assert max(map(len, lines)) <= WIDTH


def test_a_row_without_any_default_is_an_error_of_ours() -> None:
    with pytest.raises(LookupError, match="nowhere"):
        listed([row(field="nowhere")])
