"""The verdict over two runs, folded from what was found file by file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.verdict import Class, FileVerdict, Verdict

_CUT_OFF = ("interrupted", "engine", "lost")
"""Exit reasons that tell of the surroundings, not of the program: what such a run left depends on the moment."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two runs."""

    record: Record
    digest: str
    """Of the record's stored bytes."""
    outputs: tuple[OutputFile, ...]


def fold(left: Side, right: Side, found: tuple[FileVerdict, ...], now: float) -> Verdict:
    """The verdict from what was found; stdout is told and does not count, because it is not an output."""
    exit_equal = (left.record.exit.code, left.record.exit.reason) == (right.record.exit.code, right.record.exit.reason)
    stdout_equal = left.record.stdout == right.record.stdout if left.record.stdout and right.record.stdout else None
    cut_off = [side.record.id for side in (left, right) if side.record.exit.reason in _CUT_OFF]
    return Verdict(
        left=left.record.id,
        right=right.record.id,
        left_record=left.digest,
        right_record=right.digest,
        result=classify(found, exit_equal=exit_equal, complete=not cut_off),
        files=found,
        exit_equal=exit_equal,
        stdout_equal=stdout_equal,
        notes=tuple(_notes(found, cut_off, exit_equal=exit_equal, stdout_equal=stdout_equal)),
        checked=now,
    )


def classify(found: Iterable[FileVerdict], *, exit_equal: bool, complete: bool) -> Class:
    """One word for all: a difference outweighs what could not be checked, which outweighs what a rule excused."""
    states = {file.state for file in found}
    if not exit_equal or states & {"different", "missing", "extra"}:
        return "different"
    if not complete or "not-checked" in states:
        return "not-checked"
    return "equal-under-rule" if states & {"equal-under-rule", "ignored"} else "identical"


def _notes(found: tuple[FileVerdict, ...], cut_off: list[str], *, exit_equal: bool, stdout_equal: bool | None) -> Iterable[str]:
    if not found:
        yield "no outputs to compare"
    if not exit_equal:
        yield "the two runs ended differently"
    if cut_off:
        yield f"cut off before the program ended: {', '.join(cut_off)}"
    if stdout_equal is False:
        yield "stdout differs; it is not an output and does not count"
