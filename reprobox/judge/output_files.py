"""Outputs of two runs, path by path, both ways.

Bytes decide. A rule that the user declared is asked only where bytes differ, and where it was
needed the answer is never "identical". What a rule needs to look into (`content`, `tensors`) is an
argument here, so that this module reads no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import IO

from reprobox.judge import fold, renames
from reprobox.judge.fold import Side as Side
from reprobox.judge.rules import LOOKING
from reprobox.judge.rules import matches as matches
from reprobox.judge.rules import rule_for as rule_for
from reprobox.kit import fd_trees
from reprobox.model.outcome import OutputFile
from reprobox.model.runspec import WORK
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileDetail, FileState, FileVerdict, Verdict

Look = Callable[[OutputFile, OutputFile, OutputRule], FileVerdict]
"""Compares two files of different bytes by a rule: equal-under-rule, different or not-checked."""
OpenPair = Callable[[OutputFile, OutputFile], AbstractContextManager[tuple[IO[bytes], IO[bytes]]]]
"""Opens both files for reading bytes."""
Links = Callable[[OutputFile, OutputFile], tuple[str, str]]
"""The targets of two links."""

_CHUNK = 1 << 20
_EMPTY_KINDS = ("fifo", "socket", "character device", "block device")


def compare(
    left: Side,
    right: Side,
    *,
    look: Look | None = None,
    open_pair: OpenPair | None = None,
    links: Links | None = None,
    rules: Sequence[OutputRule] | None = None,
    now: float = 0.0,
) -> Verdict:
    """Compares two runs; pure but for `look` and `open_pair`, see `compare_files`.

    Args:
        left: the original; its rules count where no others are given.
        right: the replay.
        now: seconds since 1970, for `checked`.
    """
    rules = left.record.intent.runspec.outputs if rules is None else rules
    found = compare_files(
        left.outputs, right.outputs, rules, look=look, open_pair=open_pair, links=links
    )
    ours, theirs = left.record.outputs.refused, right.record.outputs.refused
    return fold.fold(
        left,
        right,
        found + compare_refused(ours, theirs, rules) + _compare_deleted(left, right, rules),
        rules,
        now,
    )


def compare_files(
    left: Sequence[OutputFile],
    right: Sequence[OutputFile],
    rules: Sequence[OutputRule],
    *,
    look: Look | None = None,
    open_pair: OpenPair | None = None,
    links: Links | None = None,
) -> tuple[FileVerdict, ...]:
    """Compares two manifests; missing and extra paths count.

    Args:
        left: outputs of the original.
        right: outputs of the replay.
        rules: the original's; the first whose pattern matches a path is its rule, see `matches`.
        look: the comparison below the bytes; without it such a rule gives `not-checked`.
        open_pair: for the place of the first differing byte; without it no place is given.
        links: for links to files that were renamed; without it they are different.
    """
    ours = {file.path: file for file in left}
    theirs = {file.path: file for file in right}
    partners = renames.partners(ours, theirs)
    taken = set(partners.values())
    others = {
        path: partners.get(path, path) for path in ours if path in partners or path not in taken
    }
    alone = theirs.keys() - set(others.values())
    pairs = [
        *((path, ours[path], theirs.get(others.get(path, ""))) for path in ours),
        *((path, None, theirs[path]) for path in alone),
    ]
    return tuple(
        _compare(mine, other, rule_for(path, rules), look, open_pair, links)
        for path, mine, other in sorted(pairs, key=lambda pair: (pair[0], pair[1] is None))
    )


def compare_refused(
    ours: Sequence[str], theirs: Sequence[str], rules: Sequence[OutputRule]
) -> tuple[FileVerdict, ...]:
    """What could not be collected (`path: reason`): special files hold no bytes and need only be on
    both sides.
    """
    found = []
    for line in sorted({*ours, *theirs}):
        path, _, reason = line.rpartition(": ")
        if rule_for(path, rules).compare == "ignore":
            state = FileState.IGNORED
        elif line not in theirs or line not in ours:
            state = FileState.EXTRA if line in theirs else FileState.MISSING
        elif reason not in _EMPTY_KINDS:
            state = FileState.NOT_CHECKED
        else:
            continue
        found.append(FileVerdict(path=path, state=state, detail=FileDetail(refused=reason)))
    return tuple(found)


def _compare_deleted(
    left: Side, right: Side, rules: Sequence[OutputRule]
) -> tuple[FileVerdict, ...]:
    """Files of the commit that only one of the two deleted. What the other wrote in such a place is
    an output, and compared as one.

    Where the two ran different commits, the other one may never have had the file.
    """
    asked = left.record.intent.runspec, right.record.intent.runspec
    ours, theirs = _deleted(left), _deleted(right)
    known = {file.path for side in (left, right) for file in side.outputs}
    found = []
    for path in sorted((ours ^ theirs) - known):
        why = f"a file of the commit that only the {'first' if path in ours else 'second'} deleted"
        if rule_for(path, rules).compare == "ignore":
            state = FileState.IGNORED
        elif asked[0].commit == asked[1].commit:
            state = FileState.DIFFERENT
        else:
            state = FileState.NOT_CHECKED
        detail = FileDetail(differs=("deleted",), why=why)
        found.append(FileVerdict(path=path, state=state, detail=detail))
    return tuple(found)


def _deleted(side: Side) -> set[str]:
    """Older records also name inputs that are part of the commit: they are mounted, and were not
    looked for.
    """
    mounted = {pin.path.removeprefix(f"{WORK}/") for pin in side.record.intent.runspec.inputs}
    gone = set(side.record.observed.deleted)
    return {path for path in gone if not any(above in mounted for above in fd_trees.upwards(path))}


def first_difference(left: IO[bytes], right: IO[bytes]) -> int | None:
    """Offset of the first byte that differs (the shorter length where one begins the other); None
    when equal.
    """
    offset = 0
    while True:
        ours, theirs = left.read(_CHUNK), right.read(_CHUNK)
        if ours != theirs:
            return offset + _common_prefix(ours, theirs)
        if not ours:
            return None
        offset += len(ours)


def _common_prefix(ours: bytes, theirs: bytes) -> int:
    low, high = 0, min(len(ours), len(theirs))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if ours[:middle] == theirs[:middle] else (low, middle - 1)
    return low


def _compare(
    ours: OutputFile | None,
    theirs: OutputFile | None,
    rule: OutputRule,
    look: Look | None,
    open_pair: OpenPair | None,
    links: Links | None,
) -> FileVerdict:
    if ours is None or theirs is None:
        return _one_sided(ours, theirs, rule)
    found = _same_file(ours, theirs, rule, look, open_pair, links)
    if ours.path == theirs.path:
        return found
    what = () if found.state is FileState.RENAMED else _what_differs(ours, theirs)
    differs = ("name", *what)
    names = replace(found.detail, differs=differs, other_name=theirs.path)
    return replace(found, detail=names)


def _same_file(
    ours: OutputFile,
    theirs: OutputFile,
    rule: OutputRule,
    look: Look | None,
    open_pair: OpenPair | None,
    links: Links | None,
) -> FileVerdict:
    """A file and its counterpart in the other run, whatever that is called there."""
    what = _what_differs(ours, theirs)
    if rule.compare == "ignore" and (what or ours.path != theirs.path):
        return _both(ours, theirs, FileState.IGNORED, FileDetail(differs=what))
    if not what:
        same = FileState.IDENTICAL if ours.path == theirs.path else FileState.RENAMED
        return _both(ours, theirs, same, FileDetail())
    if what == ("bytes",) and rule.compare in LOOKING and ours.kind == "file":
        if look is None:
            why = "nothing here can look into it"
            detail = FileDetail(differs=what, rule=rule.compare, why=why)
            return _both(ours, theirs, FileState.NOT_CHECKED, detail)
        return look(ours, theirs, rule)
    if links and ours.kind == theirs.kind == "link" and renames.alike(*links(ours, theirs)):
        why = "a link to what has another name"
        return _both(ours, theirs, FileState.RENAMED, FileDetail(differs=("name",), why=why))
    detail = FileDetail(differs=what, first_byte=_first_byte(ours, theirs, open_pair))
    return _both(ours, theirs, FileState.DIFFERENT, detail)


def _one_sided(ours: OutputFile | None, theirs: OutputFile | None, rule: OutputRule) -> FileVerdict:
    present = ours or theirs
    assert present is not None  # noqa: S101  (one of them is, or the path would not be here)
    side = FileState.MISSING if theirs is None else FileState.EXTRA
    ignored = rule.compare == "ignore"
    return FileVerdict(
        path=present.path,
        state=FileState.IGNORED if ignored else side,
        size=present.size,
        ours=ours.sha256 if ours else None,
        theirs=theirs.sha256 if theirs else None,
        detail=FileDetail(differs=(side.value,)) if ignored else FileDetail(),
    )


def _what_differs(ours: OutputFile, theirs: OutputFile) -> tuple[str, ...]:
    """Kind, execute bit, bytes. Other mode bits follow from the umask and say nothing about the
    experiment.
    """
    if ours.kind != theirs.kind:
        return ("kind",)
    modes = ours.kind == "file" and bool(ours.mode & 0o111) != bool(theirs.mode & 0o111)
    return (*(("bytes",) if ours.sha256 != theirs.sha256 else ()), *(("mode",) if modes else ()))


def _both(
    ours: OutputFile, theirs: OutputFile, state: FileState, detail: FileDetail
) -> FileVerdict:
    if ours.size != theirs.size:
        detail = replace(detail, sizes=(ours.size, theirs.size))
    if ours.kind != theirs.kind:
        detail = replace(detail, kinds=(ours.kind, theirs.kind))
    return FileVerdict(
        path=ours.path,
        state=state,
        size=ours.size,
        ours=ours.sha256,
        theirs=theirs.sha256,
        detail=detail,
    )


def _first_byte(ours: OutputFile, theirs: OutputFile, open_pair: OpenPair | None) -> int | None:
    if (
        open_pair is None
        or ours.kind != "file"
        or theirs.kind != "file"
        or ours.sha256 == theirs.sha256
    ):
        return None
    with open_pair(ours, theirs) as (left, right):
        return first_difference(left, right)
