"""Two trails: the first step and tensor that differ. Two operation traces: the first operation, and
whether it is to blame.

The formats are written by runtime/payload/reprobox_trail.py and reprobox_optrace.py and described
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from reprobox.errors import NotComparable
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.units import counted
from reprobox.model import codec
from reprobox.model.verdict import Exchange, TrailComparison

State = Literal["equal", "different", "not-checked"]
_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Trail:
    """One process's trail, as read."""

    process: str
    every: dict[str, int]
    """Per optimizer: fingerprints each so many steps, as asked or as measured."""
    names: dict[str, tuple[str, ...]]
    buffers: dict[str, tuple[str, ...]]
    """Per optimizer: names of the buffers of its modules, where the trail holds them."""
    steps: dict[tuple[str, int], Mapping[str, Any]]
    """(optimizer, step) to its line, in the order written."""
    rank: int | None = None
    """In a distributed training."""
    cut: bool = False
    """Whether the last line was cut off."""


def read(path: Path) -> Trail:
    """Reads a trail; a last line that was cut off by the end of the run is left out.

    Raises:
        NotComparable: not a trail of a version that this reprobox reads.
    """
    lines, cut = _lines(path, "reprobox.trail/1", _Line)
    rank = lines[0].get("rank")
    found = Trail(
        process=str(lines[0].get("process", "")),
        rank=rank if type(rank) is int else None,
        every={},
        names={},
        buffers={},
        steps={},
        cut=cut,
    )
    asked = int(lines[0].get("every") or 0)
    for line in lines[1:]:
        optimizer = str(line.get("o"))
        if line.get("names") is not None:
            found.names[optimizer] = tuple(line["names"])
            found.every.setdefault(optimizer, asked)
        if line.get("buffers") is not None:
            found.buffers[optimizer] = tuple(line["buffers"])
        if line.get("p") is not None:
            found.steps[optimizer, int(line["s"])] = line
        elif line.get("every") is not None:
            found.every[optimizer] = int(line["every"])
    return found


@dataclass(frozen=True, kw_only=True)
class _Line:
    """What a line of a trail may hold: the program could have written it."""

    names: list[str] | None = None
    every: int | None = None
    s: int | None = None
    p: list[Any] | None = None
    g: list[Any] | None = None
    buffers: list[str] | None = None
    b: list[Any] | None = None
    l: list[Any] | None = None  # noqa: E741 - the format's own key
    r: dict[str, Any] | None = None
    c: list[tuple[str, str, str | None]] | None = None
    d: list[tuple[str, str]] | None = None

    def __post_init__(self) -> None:
        if (self.p is not None and self.s is None) or (
            self.g is not None and len(self.g) != len(self.p or ())
        ):
            raise ValueError("a step without its number, or with other gradients than parameters")


_Call = TypedDict("_Call", {"op": str, "in": list[Any], "out": Any, "s": NotRequired[int | None]})
"""The same for an operation trace, after its first line."""


def _lines(path: Path, expected: str, kind: type[Any]) -> tuple[list[dict[str, Any]], bool]:
    raw = path.read_bytes().split(b"\n")
    cut = raw[-1] != b""
    try:
        lines = [canon.parse(line) for line in raw[:-1] if line]
    except ValueError as error:
        raise NotComparable(f"{path.name} is damaged", why=str(error)) from error
    if (
        not lines
        or not all(isinstance(line, dict) for line in lines)
        or lines[0].get("format") != expected
    ):
        raise NotComparable(f"{path.name} is not a {expected}")
    for number, line in enumerate(lines if kind is _Line else lines[1:], 1):
        codec.from_json(kind, line, where=f"{path.name}, line {number}", error=NotComparable)
    return lines, cut


def compare(left: Trail, right: Trail) -> TrailComparison:
    """The first difference between two trails, or that there is none."""
    common = [key for key in left.steps if key in right.steps]
    if not common:
        return TrailComparison(
            state="not-checked", process=left.process, why="the trails have no step in common"
        )
    agreed: dict[str, int] = {}
    for optimizer, step in common:
        pair = left.steps[optimizer, step], right.steps[optimizer, step]
        found = _step(*pair, left.names.get(optimizer, ()), left.buffers.get(optimizer, ()))
        if found is not None:
            return replace(
                found,
                process=left.process,
                rank=left.rank,
                compared=len(common),
                optimizer=optimizer,
                step=step,
                window=(agreed.get(optimizer, 0), step),
                optimizers=len(left.names),
                position=_position(left, optimizer, step),
            )
        agreed[optimizer] = step
    return TrailComparison(state="equal", process=left.process, compared=len(common))


def _position(trail: Trail, optimizer: str, step: int) -> int | None:
    whole = all(every == 1 for every in trail.every.values())
    return list(trail.steps).index((optimizer, step)) + 1 if whole else None


_KINDS = (("p", "parameters"), ("g", "gradients"), ("b", "buffers"), ("l", "loss"))


def _step(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    names: tuple[str, ...],
    buffers: tuple[str, ...],
) -> TrailComparison | None:
    """Random state alone is a difference too: it shows before the parameters do."""
    if ours.get("names") != theirs.get("names") or len(ours["p"]) != len(theirs["p"]):
        many = len(ours["p"])
        return TrailComparison(
            state="different",
            kind="parameters",
            tensors=(),
            differ=many,
            of=many,
            why="other tensors",
        )
    names = tuple(ours.get("names") or names)
    generators = _generators(ours, theirs)
    for key, kind in _KINDS:
        left, right = ours.get(key), theirs.get(key)
        if left is None or right is None:
            continue
        places = [
            place for place, pair in enumerate(zip_longest(left, right)) if pair[0] != pair[1]
        ]
        if places:
            called = {"b": buffers, "l": ()}.get(key, names)
            return TrailComparison(
                state="different",
                kind=kind,
                tensors=tuple(
                    called[place] if place < len(called) else str(place)
                    for place in places[:_SHOWN]
                ),
                differ=len(places),
                of=len(left),
                random_state_differs=bool(generators),
            )
    if not generators:
        return None
    # Where a trail has no generators of its own, there is only one that they could be.
    named = generators if ours.get("r") and theirs.get("r") else []
    return TrailComparison(
        state="different",
        kind="random state",
        tensors=tuple(named),
        differ=0,
        of=0,
        random_state_differs=True,
    )


def _generators(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Which generators are in another state: torch's own always, the others where both trails have
    them.
    """
    left, right = ours.get("r") or {}, theirs.get("r") or {}
    differ = [name for name in left if name in right and left[name] != right[name]]
    return [*(["torch"] if ours.get("rng") != theirs.get("rng") else []), *differ]


def compare_runs(left: Path, right: Path) -> TrailComparison | None:
    """Compares the trails in two run directories, process by process; the earliest difference
    counts. None when neither has one.

    In a distributed training a difference reaches every rank in the same step, so of the ranks that
    differ first, the one counts that differs in what it made by itself.
    """
    ours, theirs = (
        {path.name: path for path in sorted(side.glob("trail*.jsonl"))} for side in (left, right)
    )
    if not ours and not theirs:
        return None
    alone = tuple(sorted(ours.keys() ^ theirs.keys()))
    pairs = [(read(ours[name]), read(theirs[name])) for name in ours if name in theirs]
    found = [(compare(*pair), pair) for pair in pairs]
    different = [(one, pair) for one, pair in found if one.state == "different"]
    if different:
        return replace(_first(different), only_on_one_side=alone)
    whole = not alone and found and all(one.state == "equal" for one, _ in found)
    return TrailComparison(
        state="equal" if whole else "not-checked",
        compared=sum(one.compared for one, _ in found),
        only_on_one_side=alone,
    )


def _first(different: Sequence[tuple[TrailComparison, tuple[Trail, Trail]]]) -> TrailComparison:
    earliest = min(one.step or 0 for one, _ in different)
    at_once = [
        (one, _line(pair[0], one), _line(pair[1], one))
        for one, pair in different
        if (one.step or 0) == earliest
    ]
    first, ours, theirs = min(at_once, key=lambda one: not _own(one[1], one[2]))
    if len(at_once) == 1 and first.rank is None:
        return first
    others = sorted(one.process or "" for one, *_ in at_once if one is not first)
    return replace(first, also=tuple(others) or None, exchange=_exchange(ours, theirs))


def _line(side: Trail, found: TrailComparison) -> Mapping[str, Any]:
    return side.steps[found.optimizer or "", found.step or 0]


def _own(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether a rank differs in what it made by itself: draws, loss, its gradients before they are
    averaged, or what it gave to the first collective that differs.
    """
    call = _call(ours, theirs)
    return (
        bool(_generators(ours, theirs))
        or any(ours.get(key) != theirs.get(key) for key in ("l", "d"))
        or (call is not None and call[1])
    )


def _call(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[int, bool] | None:
    """The first collective that differs, and whether already its input does."""
    left, right = ours.get("c") or [], theirs.get("c") or []
    for number, (one, other) in enumerate(zip_longest(left, right)):
        if one != other:
            return number, one is None or other is None or one[:2] != other[:2]
    return None


def _exchange(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Exchange | None:
    """The first exchange that differs, seen from the rank that counts; None where the trails do not
    hold it. DistributedDataParallel's averages come first, because nothing is seen inside them.
    """
    began: Literal["this rank", "the exchange"]
    began = "this rank" if _own(ours, theirs) else "the exchange"
    mine = dict(ours.get("d") or ())
    differ = [name for name, value in (theirs.get("d") or ()) if mine.get(name) != value]
    call = _call(ours, theirs)
    if differ:
        return Exchange(name="gradient", what=differ[0], began=began)
    if call is not None:
        number, _ = call
        calls = next(side for side in (ours.get("c") or [], theirs.get("c") or []) if side[number:])
        return Exchange(name=calls[number][0], what=f"call {number + 1}", began=began)
    return Exchange(name="gradient", what="average", began=began) if mine else None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The first operation that differs between two traces."""

    state: State
    cause: Literal["kernel", "inputs", "draws", "sequence", "none"]
    """`kernel`: same inputs, another output. `inputs`: other inputs though every call before agreed
    (data, NumPy, Python, or weights from before the window). `draws`: another state of the random
    generator. `sequence`: the program took another way.
    """
    compared: int
    call: int | None = None
    step: int | None = None
    name: str = ""
    at: str = ""
    """Line of the program."""
    detail: dict[str, Any] = field(default_factory=dict)

    def sentence(self) -> str:
        """For people."""
        if self.state != "different":
            return f"{counted(self.compared, 'operation')} compared, all the same"
        meaning = {
            "kernel": "same inputs, another output: the kernel differs",
            "inputs": "other inputs, although every operation before agrees: data, NumPy, Python "
            "or the weights before the window",
            "draws": "the random generator is in another state",
            "sequence": "the program runs another operation here",
            "none": "",
        }[self.cause]
        where = f"{self.name} at {self.at or '?'}, after step {self.step}"
        return f"operation {self.call} ({where}): {meaning}"


def operations_file(process: str | None) -> str:
    """Name of the operation trace that a process leaves in its run's directory."""
    return "optrace.jsonl" if process == "main" else f"optrace-{process}.jsonl"


def compare_operations(left: Path, right: Path) -> Operation:
    """Compares two operation traces call by call.

    Raises:
        NotComparable: not traces, or of different windows.
    """
    ours, theirs = (_lines(path, "reprobox.optrace/1", _Call)[0] for path in (left, right))
    if (ours[0].get("from"), ours[0].get("to")) != (theirs[0].get("from"), theirs[0].get("to")):
        raise NotComparable("the two operation traces are of different steps")
    calls = list(zip(ours[1:], theirs[1:], strict=False))
    for number, (one, other) in enumerate(calls):
        cause = _blame(one, other)
        if cause is not None:
            return _operation(number, cause, one, other)
    if len(ours) != len(theirs):
        longer = ours if len(ours) > len(theirs) else theirs
        return _operation(len(calls), "sequence", longer[len(calls) + 1], {})
    return Operation(state="equal" if calls else "not-checked", cause="none", compared=len(calls))


def _blame(
    one: Mapping[str, Any], other: Mapping[str, Any]
) -> Literal["kernel", "inputs", "draws", "sequence"] | None:
    if one["op"] != other["op"] or len(one["in"]) != len(other["in"]):
        return "sequence"
    if one["in"] != other["in"]:
        return "inputs"
    if one.get("rng") != other.get("rng"):
        return "draws"
    return "kernel" if one["out"] != other["out"] else None


def _operation(
    number: int,
    cause: Literal["kernel", "inputs", "draws", "sequence"],
    one: Mapping[str, Any],
    other: Mapping[str, Any],
) -> Operation:
    return Operation(
        state="different",
        cause=cause,
        compared=number,
        call=number,
        step=one.get("s"),
        name=str(one.get("op", "")),
        at=str(one.get("at", "")),
        detail={"left": dict(one), "right": dict(other)},
    )
