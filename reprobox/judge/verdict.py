"""The verdict over two runs, folded from what was found file by file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reprobox.judge import files
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.verdict import Class, FileVerdict, Verdict

_CUT_OFF = ("interrupted", "engine", "lost")
"""Exit reasons that tell of the surroundings, not of the program: what such a run left depends on the moment."""
_EMPTY_KINDS = ("fifo", "socket", "character device", "block device")
"""Refused kinds that hold no bytes of their own."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two runs."""

    record: Record
    digest: str
    """Of the record's stored bytes."""
    outputs: tuple[OutputFile, ...]


def compare(
    left: Side, right: Side, *, look: files.Look | None = None, open_pair: files.OpenPair | None = None, now: float = 0.0
) -> Verdict:
    """Compares two runs; pure but for `look` and `open_pair`, see `files.compare_files`.

    Args:
        left: the original; its rules count.
        right: the replay.
        now: seconds since 1970, for `checked`.
    """
    found = files.compare_files(
        left.outputs, right.outputs, left.record.intent.runspec.outputs, look=look, open_pair=open_pair
    ) + _refused(left, right)
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


def _refused(left: Side, right: Side) -> tuple[FileVerdict, ...]:
    """What could not be collected: special files hold no bytes and need only be on both sides, the rest was not checked."""
    ours, theirs = set(left.record.outputs.refused), set(right.record.outputs.refused)
    found = []
    for line in sorted(ours | theirs):
        path, _, reason = line.rpartition(": ")
        if files.rule_for(path, left.record.intent.runspec.outputs).compare == "ignore":
            found.append(FileVerdict(path=path, state="ignored", detail={"refused": reason}))
        elif line not in theirs:
            found.append(FileVerdict(path=path, state="missing", detail={"refused": reason}))
        elif line not in ours:
            found.append(FileVerdict(path=path, state="extra", detail={"refused": reason}))
        elif reason not in _EMPTY_KINDS:
            found.append(FileVerdict(path=path, state="not-checked", detail={"refused": reason}))
    return tuple(found)


def _notes(found: tuple[FileVerdict, ...], cut_off: list[str], *, exit_equal: bool, stdout_equal: bool | None) -> Iterable[str]:
    if not found:
        yield "no outputs to compare"
    if not exit_equal:
        yield "the two runs ended differently"
    if cut_off:
        yield f"cut off before the program ended: {', '.join(cut_off)}"
    if stdout_equal is False:
        yield "stdout differs; it is not an output and does not count"
