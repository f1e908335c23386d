"""Outputs of two runs, path by path, both ways.

Bytes decide. A rule that the user declared is asked only where bytes differ, and where it was
needed the answer is never "identical". What a rule needs to look into (`content`, `tensors`) is an
argument here, so that this module reads no file.
"""

from __future__ import annotations

import fnmatch
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import IO

from reprobox.judge import fold
from reprobox.judge.fold import Side as Side
from reprobox.kit import fd_trees
from reprobox.model.outcome import OutputFile
from reprobox.model.runspec import WORK
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileDetail, FileState, FileVerdict, Verdict

Look = Callable[[OutputFile, OutputFile, OutputRule], FileVerdict]
"""Compares two files of different bytes by a rule: equal-under-rule, different or not-checked."""
OpenPair = Callable[[OutputFile, OutputFile], AbstractContextManager[tuple[IO[bytes], IO[bytes]]]]
"""Opens both files for reading bytes."""

_CHUNK = 1 << 20
_BYTES = OutputRule(pattern="*")
_PASSING = re.compile(
    r"""tfevents\.\d+\.[^/]+?\.\d+(\.\d+)?  # TensorBoard
    | [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}  # UUID
    | (?<![0-9a-f])(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,}(?![0-9a-f])  # other identifiers
    | (?<!\d)20\d\d[-_]?[01]\d[-_]?[0-3]\d([-_T ]?[0-2]\d[-_:.]?[0-5]\d[-_:.]?[0-5]\d)?(?!\d)
    | ([A-Z][a-z][a-z][0-3]\d_)?(?<!\d)[0-2]\d[-:][0-5]\d[-:][0-5]\d(?!\d)  # Nov21_13-52-01
    | (?<!\d)[12]\d{9}(\d{3}|\d{6}|\d{9})?(?!\d)(\.\d+)?  # seconds since 1970, and finer
    | tmp[a-z0-9_]{8}""",
    re.VERBOSE,
)
"""What a name holds that is another one in each run."""
_EMPTY_KINDS = ("fifo", "socket", "character device", "block device")


def compare(
    left: Side,
    right: Side,
    *,
    look: Look | None = None,
    open_pair: OpenPair | None = None,
    now: float = 0.0,
) -> Verdict:
    """Compares two runs; pure but for `look` and `open_pair`, see `compare_files`.

    Args:
        left: the original; its rules count.
        right: the replay.
        now: seconds since 1970, for `checked`.
    """
    rules = left.record.intent.runspec.outputs
    found = compare_files(left.outputs, right.outputs, rules, look=look, open_pair=open_pair)
    ours, theirs = left.record.outputs.refused, right.record.outputs.refused
    return fold.fold(
        left,
        right,
        found + compare_refused(ours, theirs, rules) + _compare_deleted(left, right),
        now,
    )


def compare_files(
    left: Sequence[OutputFile],
    right: Sequence[OutputFile],
    rules: Sequence[OutputRule],
    *,
    look: Look | None = None,
    open_pair: OpenPair | None = None,
) -> tuple[FileVerdict, ...]:
    """Compares two manifests; missing and extra paths count.

    Args:
        left: outputs of the original.
        right: outputs of the replay.
        rules: the original's; the first whose pattern matches a path is its rule, see `matches`.
        look: the comparison below the bytes; without it such a rule gives `not-checked`.
        open_pair: for the place of the first differing byte; without it no place is given.
    """
    ours = {file.path: file for file in left}
    theirs = {file.path: file for file in right}
    partners = _renamed(ours, theirs, rules)
    return tuple(
        _compare(
            ours.get(path),
            theirs.get(partners.get(path, path)),
            rule_for(path, rules),
            look,
            open_pair,
        )
        for path in sorted((ours.keys() | theirs.keys()) - set(partners.values()))
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


def _compare_deleted(left: Side, right: Side) -> tuple[FileVerdict, ...]:
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
        if rule_for(path, asked[0].outputs).compare == "ignore":
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
    gone = {str(path) for path in side.record.met.get("deleted") or ()}
    return {path for path in gone if not any(above in mounted for above in fd_trees.upwards(path))}


def rule_for(path: str, rules: Sequence[OutputRule]) -> OutputRule:
    """The first rule that matches, or comparison by bytes."""
    return next((rule for rule in rules if matches(path, rule.pattern)), _BYTES)


def matches(path: str, pattern: str) -> bool:
    """Whether a pattern means an output: by its whole path from the top; without a `/`, or after
    `**/`, from any directory on.

    `*` is any text, across `/` too, so `results/*` is everything below, as is `results/`.
    """
    core = pattern.removeprefix("./").removeprefix("**/")
    anywhere = "/" not in pattern or pattern.startswith("**/")
    core = core.removeprefix("/") + ("*" if core.endswith("/") else "")
    forms = dict.fromkeys((core, core.replace("/**/", "/")))
    return any(
        fnmatch.fnmatchcase(path, form) or (anywhere and fnmatch.fnmatchcase(path, f"*/{form}"))
        for form in forms
    )


def _renamed(
    ours: Mapping[str, OutputFile], theirs: Mapping[str, OutputFile], rules: Sequence[OutputRule]
) -> dict[str, str]:
    """Files that are on one side only because their names hold a time, a PID or an identifier: ours
    to theirs, in sorted order.

    Only under a rule that looks into files, and only where as many are missing as there are extra
    ones.
    """
    groups: dict[tuple[str, OutputRule], tuple[list[str], list[str]]] = {}
    for side, (mine, other) in enumerate(((ours, theirs), (theirs, ours))):
        for path in sorted(mine.keys() - other.keys()):
            rule, shape = rule_for(path, rules), _PASSING.sub("~", path)
            if (
                rule.compare in ("content", "tensors")
                and mine[path].kind == "file"
                and shape != path
            ):
                groups.setdefault((shape, rule), ([], []))[side].append(path)
    pairs = (
        zip(left, right, strict=True) for left, right in groups.values() if len(left) == len(right)
    )
    return dict(itertools.chain.from_iterable(pairs))


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
) -> FileVerdict:
    if ours is None or theirs is None:
        return _one_sided(ours, theirs, rule)
    what = _what_differs(ours, theirs)
    if ours.path != theirs.path:
        return _under_other_names(ours, theirs, what, rule, look)
    if not what:
        return FileVerdict(
            path=ours.path,
            state=FileState.IDENTICAL,
            size=ours.size,
            ours=ours.sha256,
            theirs=theirs.sha256,
        )
    if rule.compare == "ignore":
        return _both(ours, theirs, FileState.IGNORED, FileDetail(differs=what))
    if what == ("bytes",) and rule.compare in ("content", "tensors") and ours.kind == "file":
        if look is None:
            why = "nothing here can look into it"
            detail = FileDetail(differs=what, rule=rule.compare, why=why)
            return _both(ours, theirs, FileState.NOT_CHECKED, detail)
        return look(ours, theirs, rule)
    detail = FileDetail(differs=what, first_byte=_first_byte(ours, theirs, open_pair))
    return _both(ours, theirs, FileState.DIFFERENT, detail)


def _under_other_names(
    ours: OutputFile, theirs: OutputFile, what: tuple[str, ...], rule: OutputRule, look: Look | None
) -> FileVerdict:
    """As any other pair under its rule, but never identical, since the names are not."""
    if what == ("bytes",) and look is not None:
        found = look(ours, theirs, rule)
    else:
        if "mode" in what:
            state = FileState.DIFFERENT
        else:
            state = FileState.NOT_CHECKED if what else FileState.EQUAL_UNDER_RULE
        found = _both(ours, theirs, state, FileDetail(differs=what, rule=rule.compare))
    names = replace(found.detail, differs=("name", *what), other_name=theirs.path)
    return replace(found, detail=names)


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
