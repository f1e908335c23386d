"""A verdict for people: what was compared, what differs and how far, what may be why, and one
sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reprobox.cli import tables
from reprobox.cli.messages import Talk, human
from reprobox.errors import NotComparable
from reprobox.judge.fold import NOTHING
from reprobox.kit.units import counted

if TYPE_CHECKING:
    from reprobox.model.verdict import FileVerdict, Verdict

_MANY = 40
"""Rows of the table; the rest are counted. `--json` has all."""
_COLORS = {"identical": "32", "equal-under-rule": "33", "ignored": "2", "not-checked": "33"}
_RED = "31"


def as_json(found: Verdict) -> dict[str, Any]:
    """A verdict with stable keys."""
    from reprobox.model import codec

    return {**codec.to_json(found), "same": found.same}


def show(talk: Talk, found: Verdict) -> None:
    """Prints a verdict."""
    shown = sorted(found.files, key=lambda file: (file.state == "identical", file.path))
    rows = [
        (
            _name(file),
            "" if file.size is None else human(file.size),
            _short(file),
            _paint(talk, file.state, file.state),
        )
        for file in shown[:_MANY]
    ]
    if rows:
        tables.table(talk, ("output", "size", "sha256", "verdict"), rows, right=("size",))
    if len(shown) > _MANY:
        talk.line(f"... and {len(shown) - _MANY} more (--json lists all)")
    for line in story(found):
        talk.line(line)
    talk.line(_paint(talk, found.result, _sentence(found)), trusted=True)


def story(found: Verdict) -> Iterator[str]:
    """What differs and how far, where the trails part, what may be why."""
    shown = sorted(found.files, key=lambda file: (file.state == "identical", file.path))
    yield from (
        *_differences(shown),
        *trail(found.trail),
        *_causes(found),
        *(note for note in found.notes if note != NOTHING),
    )


def _short(file: FileVerdict) -> str:
    return (file.ours or file.theirs or "").removeprefix("sha256:")[:12]


def _paint(talk: Talk, state: str, text: str) -> str:
    return tables.Painted(f"\033[{_COLORS.get(state, _RED)}m{text}\033[0m") if talk.color else text


def _differences(files: list[FileVerdict]) -> Iterator[str]:
    """A line for each different file whose content could be read."""
    for file in files[:_MANY]:
        if file.state in ("different", "equal-under-rule", "not-checked") and (
            text := _detail(file.detail)
        ):
            yield f"  {_name(file)}: {text}"


def _name(file: FileVerdict) -> str:
    """The path; both names, where the replay's is another one."""
    other = str(file.detail.get("other_name") or file.path)
    beside = other.rpartition("/")[0] == file.path.rpartition("/")[0]
    return (
        file.path
        if other == file.path
        else f"{file.path} -> {other.rpartition('/')[2] if beside else other}"
    )


def _detail(detail: dict[str, Any]) -> str:
    parts = ["the same bytes under another name"] if detail.get("differs") == ["name"] else []
    if detail.get("content") == "equal":
        parts.append(
            f"the {detail.get('format', 'file')} content is equal, only its packing differs"
        )
    if first := detail.get("first"):
        parts.append(f"{detail.get('format', 'file')}: first at {_place(first)}: {_values(first)}")
    if detail.get("count") and detail.get("total"):
        far = f", at most {detail['abs']:.3g} apart" if isinstance(detail.get("abs"), float) else ""
        parts.append(_share(detail["count"], detail["total"], "value") + far)
    if not parts and detail.get("first_byte") is not None:
        parts.append(f"first differing byte at {detail['first_byte']:,}")
    return "; ".join([*parts, *([str(detail["why"])] if detail.get("why") else [])])


def _place(first: dict[str, Any]) -> str:
    index = first.get("index")
    return f"{first.get('name', '?')}{list(index) if index else ''}"


def _values(first: dict[str, Any]) -> str:
    ulp = first.get("ulp")
    return f"{first.get('left')!r} there, {first.get('right')!r} here" + (
        f" ({ulp:,} ulp)" if isinstance(ulp, int) else ""
    )


def trail(found: dict[str, Any] | None) -> Iterator[str]:
    """Where two trails part."""
    if not found:
        return
    if found.get("state") == "different":
        first, last = found["window"]
        where = (
            f"step {last}"
            if last - first == 1
            else f"between step {first}, which agrees, and step {last}"
        )
        tensors = ", ".join(str(name) for name in found.get("tensors") or ())
        yield (
            f"first divergence: {where}, "
            f"{' '.join(filter(None, (found.get('kind', 'parameters'), tensors)))}" + _many(found)
        )
    elif found.get("state") == "equal":
        many = found.get("compared") or 0
        yield f"the trails agree at {'the one step' if many == 1 else f'all {many:,} steps'} they name"


def _many(found: dict[str, Any]) -> str:
    return f" ({_share(found['differ'], found['of'], 'tensor')})" if found.get("of") else ""


def _share(differ: int, total: int, what: str) -> str:
    return f"{differ:,} of {counted(total, what)} {'differs' if differ == 1 else 'differ'}"


def _causes(found: Verdict) -> Iterator[str]:
    for cause in found.causes[:5]:
        sides = f": {cause.ours} -> {cause.theirs}" if cause.ours and cause.theirs else ""
        yield f"possible cause: {cause.what}{sides}. {cause.advice}"


def exit_code(found: Verdict) -> int:
    """Of a command that ends in a verdict: 0 the same, 1 different, else that it could not be told."""
    return 0 if found.same else 1 if found.result == "different" else NotComparable.code


def _sentence(found: Verdict) -> str:
    if found.result == "not-checked":
        said = (
            NOTHING
            if NOTHING in found.notes
            else "not checked: something could not be compared, so nothing is promised"
        )
    elif found.files:
        said = _of_files(found)
    else:
        said = f"{found.result}: no outputs"
    streams = {True: ", stdout identical", False: ", stdout differs", None: ""}[found.stdout_equal]
    ended = found.ended or ("" if found.exit_equal else "the exit codes differ")
    return (
        said + ("" if found.result == "not-checked" else streams) + (f"; {ended}" if ended else "")
    )


def _of_files(found: Verdict) -> str:
    counts = {
        state: sum(file.state == state for file in found.files)
        for state in ("identical", "equal-under-rule", "ignored")
    }
    if found.result == "equal-under-rule":
        return (
            f"equal under a declared rule: {counts['identical']} of {len(found.files)} "
            "bit-identical, "
            f"{counts['equal-under-rule']} equal under their rule, {counts['ignored']} ignored"
        )
    outputs = f"{counts['identical']:,} of {counted(len(found.files), 'output')}"
    return f"{found.result}: {outputs} {'is' if len(found.files) == 1 else 'are'} bit-identical"
