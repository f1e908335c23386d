"""The first steps of a run, replayed: one sentence, and the first step that differs."""

from __future__ import annotations

from typing import Any

from reprobox.commands.replay_steps import Begun
from reprobox.kit.units import counted
from reprobox.model import codec
from reprobox.model.verdict import Class
from reprobox.views.blocks import Line, Section


def as_json(found: Begun) -> dict[str, Any]:
    """With stable keys."""
    return {**codec.to_json(found), "same": found.same}


def sections(found: Begun) -> tuple[Section, ...]:
    return (Section(title="result", blocks=(Line(sentence(found)),)),)


def sentence(found: Begun) -> str:
    """The result in one line."""
    if found.result is Class.NOT_CHECKED or found.trail is None:
        return f"first steps: not checked; {found.why}"
    if found.same:
        done = counted(found.trail.compared, "step")
        return f"first steps: {done} compared with the trail of {found.run}, all the same"
    names = ", ".join(found.trail.tensors or ())
    return (
        f"first steps: different from step {found.trail.step}: {found.trail.kind} {names}".rstrip()
    )
