"""The verdict over two runs, folded from what was found file by file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.units import counted
from reprobox.model.claims import Checked
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.spec import STDERR, STDOUT, OutputRule
from reprobox.model.verdict import Class, FileState, FileVerdict, Verdict, worst

NOTHING = "nothing to compare: no output that counts, and nothing on stdout that counts"
_CUT_OFF = ("interrupted", "engine", "lost")
"""Exit reasons that come from outside of the program: what such a run left depends on
the moment.
"""
_ENDS = {
    "signal": "was ended by signal {signal}",
    "oom": "was killed because memory ran out",
    "timeout": "was stopped at its time limit",
    "interrupted": "was interrupted",
    "not-found": "had no such program to start",
    "not-executable": "had a program that cannot be executed",
    "engine": "was ended by the engine",
    "lost": "was lost by the engine",
}
_CUT_NOTE = "cut off before the program ended"
_EMPTY = canon.digest_bytes(b"")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two runs."""

    record: Record
    digest: str
    """Of the record's stored bytes."""
    outputs: tuple[OutputFile, ...]


def fold(
    left: Side,
    right: Side,
    found: tuple[FileVerdict, ...],
    rules: Sequence[OutputRule],
    now: float,
) -> Verdict:
    """The verdict from what was found. stdout is not an output: it counts where a rule says so,
    or where nothing else can be compared.
    """
    ours, theirs = left.record, right.record
    exit_equal = (ours.exit.code, ours.exit.reason) == (theirs.exit.code, theirs.exit.reason)
    stdout_equal = ours.stdout == theirs.stdout if ours.stdout and theirs.stdout else None
    cut_off = [side.record.id for side in (left, right) if side.record.exit.reason in _CUT_OFF]
    moved = [
        f"run {record.id}: {change.sentence}"
        for record in (ours, theirs)
        for change in record.observed.inputs_changed
    ]
    counts = _rule(rules) == "bytes" or by_stdout(rules, found)
    stderr_equal = ours.stderr == theirs.stderr if ours.stderr and theirs.stderr else None
    stderr_counts = _rule(rules, STDERR) == "bytes" and stderr_equal is not None
    nothing = (
        all(file.state is FileState.IGNORED for file in found)
        and not ours.outputs.refused
        and not (
            counts and stdout_equal is not None and (ours.stdout, theirs.stdout) != (_EMPTY, _EMPTY)
        )
        and not (stderr_counts and (ours.stderr, theirs.stderr) != (_EMPTY, _EMPTY))
    )
    stdout_differs = counts and stdout_equal is False
    return Verdict(
        left=ours.id,
        right=theirs.id,
        left_record=left.digest,
        right_record=right.digest,
        result=classify(
            found,
            equal=exit_equal and not stdout_differs and not (stderr_counts and not stderr_equal),
            complete=not cut_off and not nothing and not moved,
        ),
        files=found,
        exit_equal=exit_equal,
        ended=_ended(ours, theirs),
        stdout_equal=stdout_equal,
        stderr_equal=stderr_equal,
        notes=(
            *_notes(
                cut_off,
                nothing=nothing and exit_equal,
                passed_over=stdout_equal is False and not counts,
            ),
            *moved,
            *_unlooked((ours, theirs)),
        ),
        checked=now,
    )


def with_claims(found: Verdict, claims: tuple[Checked, ...]) -> Verdict:
    """The verdict with its claims: one that fails outweighs all; where all hold, other bits do not
    count, unless the two runs ended in other ways.
    """
    outcomes = {claim.outcome for claim in claims}
    result = found.result
    if "fails" in outcomes:
        result = Class.CLAIMS_FAIL
    elif "inconclusive" in outcomes and not found.same:
        result = worst((Class.NOT_CHECKED, found.result))
    elif outcomes == {"holds"} and not found.same and found.exit_equal:
        cut_off = any(note.startswith(_CUT_NOTE) for note in found.notes)
        result = found.result if cut_off else Class.CLAIMS_HOLD
    return replace(found, claims=claims, result=result)


def classify(found: Iterable[FileVerdict], *, equal: bool, complete: bool) -> Class:
    """One word for all: a difference outweighs what could not be checked, which outweighs what a
    rule excused.

    Args:
        equal: whether everything else agrees: the exits, and stdout where it counts.
        complete: whether there was something to compare, and neither run was cut off.
    """
    states = {file.state for file in found}
    return worst(
        (
            *(state.implies for state in states),
            *(() if equal else (Class.DIFFERENT,)),
            *(() if complete else (Class.NOT_CHECKED,)),
        )
    )


def by_stdout(rules: Sequence[OutputRule], found: Iterable[FileVerdict]) -> bool:
    """Whether stdout is all there is to go by: no output that holds anything was compared, and the
    user's rules do not speak of it.

    An empty directory or file on both sides holds nothing that the program computed.
    """
    return _rule(rules) is None and all(
        file.state is FileState.IGNORED
        or (file.state in (FileState.IDENTICAL, FileState.RENAMED) and file.ours == _EMPTY)
        for file in found
    )


def _rule(rules: Sequence[OutputRule], stream: str = STDOUT) -> str | None:
    return next((rule.compare for rule in rules if rule.pattern == stream), None)


def _unlooked(both: tuple[Record, Record]) -> Iterable[str]:
    """What the programs left and was not looked at: it is not part of what is called the same."""
    for record in both:
        found = record.observed.outside
        if found is None:
            yield f"run {record.id}: files outside of its work tree were not looked at"
        elif found.files or found.failed:
            failed = f"not collected: {'; '.join(found.failed)}" if found.failed else ""
            said = "; ".join(filter(None, (found.sentence, failed)))
            yield f"not compared, run {record.id}: {said}"
        if record.intent.runspec.writable_root:
            yield f"not compared, run {record.id}: files that it wrote into the image's directories"


def _ended(left: Record, right: Record) -> str:
    """Both ends in words, where one of them is more than an exit with code 0."""
    ours, theirs = (_end(side) for side in (left, right))
    if ours == theirs:
        return (
            ""
            if ours == "ended with exit 0"
            else f"each {ours}"
            if ours.startswith(("was", "had"))
            else f"both {ours}"
        )
    return f"the first {ours}, the second {theirs}"


def _end(record: Record) -> str:
    code, reason, signal = record.exit.shown, record.exit.reason, record.exit.signal
    if reason in _ENDS:
        return f"{_ENDS[reason].format(signal=signal)} (exit {code})"
    kills = record.observed.oom_kills
    lost = (
        f" after {counted(kills, 'process', 'processes')} of it had been killed because memory "
        "ran out"
        if kills
        else ""
    )
    return f"{'failed' if code else 'ended'} with exit {code}{lost}"


def _notes(cut_off: list[str], *, nothing: bool, passed_over: bool) -> Iterable[str]:
    if nothing:
        yield NOTHING
    if cut_off:
        yield f"{_CUT_NOTE}: {', '.join(cut_off)}"
    if passed_over:
        key = f'outputs: {{"{STDOUT}": bytes}}'
        yield f"stdout differs and does not count; `{key}` in the config makes it count"
