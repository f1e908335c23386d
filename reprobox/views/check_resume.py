"""A restart: which state was not restored, and one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reprobox.commands import check_resume
from reprobox.commands.check_resume import Restarted
from reprobox.kit.units import counted
from reprobox.model import codec
from reprobox.model.verdict import Class
from reprobox.views.blocks import Line, Section


def as_json(found: Restarted) -> dict[str, Any]:
    """A restart with stable keys."""
    sentences = [{**codec.to_json(one), "sentence": one.sentence} for one in found.unrestored]
    return {**codec.to_json(found), "same": found.same, "unrestored": sentences}


def sections(found: Restarted) -> tuple[Section, ...]:
    """A whole restart."""
    return (
        Section(title="restart", blocks=tuple(map(Line, _lines(found)))),
        Section(title="result", blocks=(Line(sentence(found)),)),
    )


def _lines(found: Restarted) -> Iterator[str]:
    yield from check_resume.reasons(found)
    if found.leftovers:
        yield f"left by the preempted run, not compared: {', '.join(found.leftovers)}"


def sentence(found: Restarted) -> str:
    """The result of a restart in one line."""
    if found.result is Class.NOT_CHECKED:
        return "restart: not checked"
    if found.after is None:
        return "restart: the resumed run differs from the uninterrupted one"
    begin = f"restart: preempted after step {found.step}, continued after step {found.after}"
    if found.same:
        left = counted(found.compared, "step")
        return f"{begin}; the remaining {left} and the outputs are the same"
    kinds = list(dict.fromkeys(one.kind for one in found.unrestored))
    if kinds:
        return f"{begin}; not restored: {', '.join(kinds)}"
    return f"{begin}; all state was restored, and outputs differ"
