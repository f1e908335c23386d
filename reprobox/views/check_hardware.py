"""Devices side by side: which gives other bits, and one sentence."""

from __future__ import annotations

from typing import Any

from reprobox.commands import check_hardware
from reprobox.commands.check_hardware import Examined
from reprobox.kit.units import counted
from reprobox.model import codec
from reprobox.model.verdict import Class
from reprobox.views.blocks import Line, Section


def as_json(found: Examined) -> dict[str, Any]:
    """With stable keys."""
    odd = [{**codec.to_json(one), "sentence": one.sentence} for one in found.odd]
    return {**codec.to_json(found), "same": found.same, "odd": odd}


def sections(found: Examined) -> tuple[Section, ...]:
    lines = tuple(map(Line, check_hardware.reasons(found)))
    return (
        Section(title="hardware", blocks=lines),
        Section(title="result", blocks=(Line(sentence(found)),)),
    )


def sentence(found: Examined) -> str:
    """The result in one line."""
    if found.result is Class.NOT_CHECKED:
        return "hardware: not checked"
    all_of_them = counted(len(found.devices), "device")
    if found.same:
        return f"hardware: {all_of_them} give the same bits: {', '.join(found.devices)}"
    if not found.odd:
        return f"hardware: {all_of_them} do not agree"
    names = ", ".join(one.device for one in found.odd)
    return f"hardware: of {all_of_them}, {names} gave different bits"
