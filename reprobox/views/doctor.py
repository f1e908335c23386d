"""What this machine can do."""

from __future__ import annotations

from collections.abc import Mapping

from reprobox.views.blocks import Line, Section


def sections(found: Mapping[str, object]) -> tuple[Section, ...]:
    """A line a fact; a fact of several lines has its name once."""
    lines = (
        Line(f"{'' if number else key.replace('_', ' '):<12}{line}")
        for key, value in found.items()
        for number, line in enumerate(_lines(value))
    )
    return (Section(title="this machine", blocks=tuple(lines)),)


def _lines(value: object) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}: {_in_a_line(text)}" for name, text in value.items()]
    # What prevents a replay comes with its reasons, in several lines.
    if isinstance(value, list):
        return [line for item in value for line in str(item).split("\n")] or ["nothing"]
    return [str(value)]


def _in_a_line(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {text}" for name, text in value.items())
    return str(value)
