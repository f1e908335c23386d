"""The settings as a list in Markdown, for docs/config.md."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

from reprobox.config.setting import Setting
from reprobox.model.spec import Environment, OutputRule, Resources, Spec, Trail

WIDTH = 100
_OWNERS = (Spec, Resources, Environment, OutputRule, Trail)


def listed(settings: Sequence[Setting]) -> str:
    return "".join(map(_item, settings))


def _item(setting: Setting) -> str:
    text = f"- **`{setting.key}`** ({_default(setting)}): {setting.about}"
    return (
        "\n".join(
            textwrap.wrap(
                text,
                WIDTH,
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
        + "\n"
    )


def _default(setting: Setting) -> str:
    if setting.required:
        return "required"
    if setting.absent:
        return f"default: {setting.absent}"
    return f"default: `{_field_default(setting.fields[0])}`"


def _field_default(field: str) -> Any:
    name = field.rpartition(".")[2]
    for owner in _OWNERS:
        for one in fields(owner):
            if one.name == name and one.default is not MISSING:
                return one.default
    raise LookupError(f"{field} has no default to show: give the setting `absent`")
