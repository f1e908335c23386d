"""A preflight: what differs first, why perhaps, and one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reprobox.commands.check import Checked
from reprobox.judge.fold import NOTHING
from reprobox.judge.trail import Operation
from reprobox.kit.units import counted
from reprobox.model import codec
from reprobox.model.verdict import Class, FileState
from reprobox.views import verdict
from reprobox.views.blocks import Line, Section

_SHOWN = 5


def as_json(found: Checked) -> dict[str, Any]:
    """A preflight with stable keys."""
    return {**codec.to_json(found), "same": found.same, "verdict": verdict.as_json(found.verdict)}


def sections(found: Checked) -> tuple[Section, ...]:
    """A whole preflight."""
    return (
        Section(title="preflight", blocks=tuple(map(Line, _lines(found)))),
        Section(title="result", blocks=(Line(sentence(found)),)),
    )


def _lines(found: Checked) -> Iterator[str]:
    for file in found.verdict.files:
        if not file.state.implies.same:
            yield f"{file.path}: {file.state}"
    if not found.same:
        yield from verdict.story(found.verdict)
        yield from operation(found.operation)
    if found.verdict.stdout_equal is False and (found.same or not _different(found)):
        yield "stdout differs" + (
            ", and does not count next to what was compared" if found.same else ""
        )
    if found.verdict.ended:
        yield f"how the program ended: {found.verdict.ended}"


def _different(found: Checked) -> bool:
    return any(file.state is FileState.DIFFERENT for file in found.verdict.files)


def sentence(found: Checked) -> str:
    """The result of a preflight in one line."""
    if found.result is Class.NOT_CHECKED:
        return f"preflight: not checked; {_next(found)}"
    if found.whole or not found.steps:
        outcome = "is the same" if found.same else "differs"
        return f"preflight: the whole program {outcome} in two containers"
    one = found.steps == 1
    first = "the first step" if one else f"the first {counted(found.steps, 'step')}"
    if found.same:
        return f"preflight: {first} {'is' if one else 'are'} the same in two containers"
    return f"preflight: {first} {'differs' if one else 'differ'} in two containers"


def _next(found: Checked) -> str:
    if not found.whole:
        return "give it more time (--limit), or fewer steps"
    if NOTHING in found.verdict.notes:
        return (
            "the program leaves no outputs, writes nothing to stdout, and takes no optimizer "
            "step of torch"
        )
    unread = [file.path for file in found.verdict.files if file.state is FileState.NOT_CHECKED]
    which = f": {', '.join(unread[:_SHOWN])}" if unread else ""
    return f"not all of what it leaves could be looked into{which}"


def operation(found: Operation | None) -> Iterator[str]:
    """The first operation that differs."""
    if found:
        yield f"first operation: {found.sentence()}"
