"""A verdict: what was compared, what differs and how far, what may be why, and one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reprobox.judge.fold import NOTHING
from reprobox.kit.text import shown
from reprobox.kit.units import counted, human
from reprobox.model import codec
from reprobox.model.claims import Checked
from reprobox.model.verdict import (
    Class,
    FileDetail,
    FileState,
    FileVerdict,
    Place,
    TrailComparison,
    Verdict,
)
from reprobox.views.blocks import Line, Section, Table

_MANY = 40
"""Rows of the table; the rest are counted. `--json` has all."""
_CAUSES = 5
_CLAIM_STYLE = {"holds": "green", "fails": "red", "inconclusive": "yellow"}
_PLACES, _PARTS = 3, 6
"""Differing places and equal parts of one file that are shown."""
_ULP, _FAR = 1 << 20, 10.0
"""Beyond these, a distance in ulp or in per cent is of no use to a reader."""
_UNNAMED = (FileState.IDENTICAL, FileState.RENAMED, FileState.IGNORED)
"""States of which no line is said below the table."""


def as_json(found: Verdict) -> dict[str, Any]:
    """A verdict with stable keys."""
    return {**codec.to_json(found), "same": found.same}


def exit_code(found: Verdict, *, strict: bool = False) -> int:
    """Exit code of a command that ends in a verdict.

    Args:
        strict: whether other names are a difference though the bytes are the same, and other
            bytes though all claims hold.
    """
    loose = found.result in (Class.RENAMED, Class.CLAIMS_HOLD)
    return Class.DIFFERENT.code if strict and loose else found.result.code


def sections(found: Verdict) -> tuple[Section, ...]:
    """A whole verdict."""
    shown = _ordered(found.files)
    blocks: list[Line | Table] = [_table(shown[:_MANY])] if shown else []
    if len(shown) > _MANY:
        blocks.append(Line(f"... and {len(shown) - _MANY} more (--json lists all)"))
    return (
        Section(title="outputs", blocks=tuple(blocks)),
        Section(title="differences", blocks=tuple(map(Line, story(found)))),
        Section(title="claims", blocks=tuple(claims(found.claims))),
        Section(title="verdict", blocks=(Line(sentence(found), found.result.colour),)),
    )


def claims(found: Sequence[Checked]) -> Iterator[Line]:
    """A line for each claim."""
    for one in found:
        values = ", ".join(f"{value:.6g}" if isinstance(value, float) else str(value)
                           for value in one.values)  # fmt: skip
        why = f" ({one.why})" if one.why else f" ({values})" if values else ""
        yield Line(f"claim {one.outcome}: {one.name}: {one.text}{why}", _CLAIM_STYLE[one.outcome])


def story(found: Verdict) -> Iterator[str]:
    """What differs and how far, where the trails diverge, and what may be why."""
    yield from (
        *_differences(found, _ordered(found.files)),
        *trail(found.trail),
        *_causes(found),
        *(note for note in found.notes if note != NOTHING),
    )


def _ordered(files: Sequence[FileVerdict]) -> list[FileVerdict]:
    """What differs most first, so that the rows that are shown are the telling ones."""
    telling = list(FileState)
    return sorted(files, key=lambda file: (-telling.index(file.state), file.path))


def _table(files: Sequence[FileVerdict]) -> Table:
    return Table(
        columns=("output", "size", "sha256", "verdict"),
        rows=tuple(
            (
                name(file),
                "" if file.size is None else human(file.size),
                (file.ours or file.theirs or "").removeprefix("sha256:")[:12],
                Line(file.state, file.state.colour),
            )
            for file in files
        ),
        right=("size",),
    )


def name(file: FileVerdict) -> str:
    """The path; both names, where the replay's is another one."""
    other = file.detail.other_name or file.path
    if other == file.path:
        return file.path
    together = other.rpartition("/")[0] == file.path.rpartition("/")[0]
    return f"{file.path} -> {other.rpartition('/')[2] if together else other}"


def _differences(found: Verdict, files: list[FileVerdict]) -> Iterator[str]:
    """A line for each file of which there is more to say than its state, and what is in it."""
    sides = ("original", "replay") if found.forecast else ("A", "B")
    for file in files[:_MANY]:
        if file.state in _UNNAMED:
            continue
        if text := _detail(file.detail, sides):
            yield f"  {name(file)}: {text}"
        for place in file.detail.differences[1:_PLACES]:
            yield f"    also at {_place(place)}: {_values(place, sides)}"
        if equal := _equal(file.detail):
            yield f"    equal in it: {equal}"


def _detail(detail: FileDetail, sides: tuple[str, str]) -> str:
    parts = [*_content(detail, sides)]
    if detail.count and detail.total:
        far = "" if detail.abs is None else f", at most {detail.abs:.3g} apart"
        parts.append(share(detail.count, detail.total, "value") + far)
    if detail.ignored_leaves:
        parts.append(f"{counted(detail.ignored_leaves, 'value')} left aside by a rule")
    for which, names in zip(sides, (detail.missing, detail.extra), strict=True):
        if names:
            more = " ..." if len(names) > _PLACES else ""
            parts.append(f"only in {which}: {', '.join(names[:_PLACES])}{more}")
    if detail.unused_patterns:
        parts.append(f"rules that selected nothing: {', '.join(detail.unused_patterns)}")
    return "; ".join([*parts, *([detail.why] if detail.why else [])])


def _content(detail: FileDetail, sides: tuple[str, str]) -> Iterator[str]:
    if detail.content == "equal":
        held = f" ({', '.join(detail.packing)})" if detail.packing else ""
        yield f"the {detail.format or 'file'} content is equal, only its packing differs{held}"
    elif detail.first:
        where = f"{detail.format or 'file'}: first at {_place(detail.first)}"
        yield f"{where}: {_values(detail.first, sides)}"
    elif detail.first_byte is not None and detail.first_byte == min(detail.sizes, default=None):
        shorter = sides[0] if detail.sizes[0] < detail.sizes[1] else sides[1]
        yield f"{shorter} is the beginning of the other: {detail.first_byte:,} bytes agree"
    elif detail.around:
        texts = (f"{side} {text!r}" for side, text in zip(sides, detail.around, strict=True))
        yield f"first differing byte at {detail.first_byte:,}, in the text {', '.join(texts)}"
    elif detail.first_byte is not None:
        yield f"first differing byte at {detail.first_byte:,}"


def _equal(detail: FileDetail) -> str:
    if detail.content == "equal" or not detail.equal_parts:
        return ""
    shown = [f"{part.name} ({part.values:,})" for part in detail.equal_parts[:_PARTS]]
    more = len(detail.equal_parts) - _PARTS
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _place(place: Place) -> str:
    return f"{place.name}{list(place.index) if place.index else ''}"


def _values(place: Place, sides: tuple[str, str]) -> str:
    """Both values and how far they are apart; in ulp where that is a number one can picture."""
    left, right = place.left, place.right
    said = f"{sides[0]} {left!r}, {sides[1]} {right!r}"
    if place.ulp is not None and place.ulp < _ULP:
        return f"{said} ({place.ulp:,} ulp)"
    if place.rel is None or place.count != 1:
        return said
    return f"{said} ({100 * place.rel:.2g} % apart)" if place.rel < _FAR else said


def trail(found: TrailComparison | None) -> Iterator[str]:
    """Where two trails diverge."""
    if found and found.window:
        first, last = found.window
        where = (
            f"step {last}"
            if last - first == 1
            else f"between step {first}, which agrees, and step {last}"
        )
        tensors = " ".join(
            filter(None, (found.kind or "parameters", ", ".join(found.tensors or ())))
        )
        many = f" ({share(found.differ or 0, found.of, 'tensor')})" if found.of else ""
        rank = f", on rank {found.rank}" if found.rank is not None else ""
        yield f"first divergence: {where}, {tensors}{many}{rank}"
        yield from _ranks(found)
    elif found and found.state == "equal":
        steps = "the one step" if found.compared == 1 else f"all {found.compared:,} steps"
        yield f"the trails agree at {steps} they name"


def _ranks(found: TrailComparison) -> Iterator[str]:
    """Which rank of a distributed training began it, and which others differ at once."""
    exchange = found.exchange
    if exchange is not None:
        gradient = exchange.name == "gradient"
        given = "the gradients" if gradient else f"{exchange.name} ({exchange.what} of the step)"
        if exchange.began == "the exchange":
            yield f"no rank began it: each gave the same to {given}, and the result differs"
        elif gradient and exchange.what != "average":
            yield (
                f"rank {found.rank} began it: its own gradient of {exchange.what} differs before "
                "the ranks average theirs"
            )
        elif not gradient:
            yield f"rank {found.rank} began it: what it gave to {given} differs"
    if found.also:
        yield f"at this step too: {', '.join(found.also)}"


def share(differ: int, total: int, what: str) -> str:
    """`1 of 5 tensors differs`."""
    return f"{differ:,} of {counted(total, what)} {'differs' if differ == 1 else 'differ'}"


def _causes(found: Verdict) -> Iterator[str]:
    for cause in found.causes[:_CAUSES]:
        pair = shown(cause.ours), shown(cause.theirs)
        sides = f": {' -> '.join(pair)}" if all(pair) and pair[0] != pair[1] else ""
        yield f"possible cause: {cause.what}{sides}. {cause.advice}"


def sentence(found: Verdict) -> str:
    """The verdict in one line."""
    ended = found.ended or ("" if found.exit_equal else "the exit codes differ")
    tail = f"; {ended}" if ended else ""
    if found.result is Class.NOT_CHECKED:
        if NOTHING in found.notes:
            return NOTHING + tail
        why = "something could not be compared, so nothing is promised"
        return f"{found.result.sentence}: {why}{tail}"
    said = f"{found.result.sentence}: {_counts(found) if found.files else 'no outputs'}"
    streams = [
        f", {name} {'identical' if equal else 'differs'}"
        for name, equal in (("stdout", found.stdout_equal), ("stderr", found.stderr_equal))
        if equal is not None
    ]
    return said + "".join(streams) + tail


def _counts(found: Verdict) -> str:
    many = {state: sum(file.state is state for file in found.files) for state in FileState}
    same, total = many[FileState.IDENTICAL], len(found.files)
    others = many[FileState.RENAMED]
    renamed = f", {others:,} the same bytes under another name" if others else ""
    if found.result is Class.EQUAL_UNDER_RULE:
        return (
            f"{same} of {total} bit-identical, {many[FileState.EQUAL_UNDER_RULE]} equal under "
            f"their rule, {many[FileState.IGNORED]} ignored{renamed}"
        )
    outputs = f"{same:,} of {counted(total, 'output')} {'is' if total == 1 else 'are'}"
    return f"{outputs} bit-identical{renamed}"
