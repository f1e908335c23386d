"""Classes with late methods behave as the library's own do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

import msgspec
import pytest

from reprobox.kit import lazy_dataclass

KINDS = (dataclasses.dataclass, lazy_dataclass.dataclass)


def point(decorator: Callable[..., Any]) -> type[Any]:
    """The same class by either decorator."""

    @decorator(frozen=True)
    class Point:
        FORMAT: ClassVar[str] = "point/1"
        x: int
        y: int = 2
        names: list[str] = dataclasses.field(default_factory=list)
        seen: int = dataclasses.field(default=0, compare=False, repr=False)
        last: str = dataclasses.field(default="", kw_only=True)

        @cached_property
        def total(self) -> int:
            return self.x + self.y

    return Point


def answers(use: Callable[[type[Any]], object]) -> list[object]:
    """What the two classes give, or the type and words of the error."""
    found: list[object] = []
    for decorator in KINDS:
        try:
            found.append(use(point(decorator)))
        except Exception as error:
            found.append((type(error), str(error)))
    return found


def changed(value: Any, name: str) -> object:
    setattr(value, name, 1)
    return value


def dropped(value: Any, name: str) -> object:
    delattr(value, name)
    return value


USES: dict[str, Callable[[Any], object]] = {
    "positions": lambda kind: repr(kind(1, 3, ["a"])),
    "names": lambda kind: repr(kind(y=3, x=1, last="z")),
    "order of fields": lambda kind: list(vars(kind(last="z", y=3, x=1))),
    "too many": lambda kind: kind(1, 2, [], 4, 5),
    "missing": lambda kind: kind(y=1),
    "unknown": lambda kind: kind(1, z=1),
    "twice": lambda kind: kind(1, x=2),
    "equal": lambda kind: (kind(1) == kind(1), kind(1) == kind(2), kind(1) == (1, 2)),
    "not compared": lambda kind: kind(1, seen=1) == kind(1, seen=2),
    "hash of a list": lambda kind: hash(kind(1)),
    "hash": lambda kind: hash(kind(1, names=("a",))) == hash((1, 2, ("a",), "")),
    "fresh default": lambda kind: kind(1).names is not kind(1).names,
    "assigned": lambda kind: changed(kind(1), "x"),
    "assigned, no field": lambda kind: changed(kind(1), "new"),
    "deleted": lambda kind: dropped(kind(1), "y"),
    "cached": lambda kind: kind(1).total,
    "replaced": lambda kind: repr(dataclasses.replace(kind(1), y=5)),
    "as a dict": lambda kind: dataclasses.asdict(kind(1)),
    "copied": lambda kind: repr(copy.deepcopy(kind(1, names=["a"]))),
    "many": lambda kind: [repr(kind(number, last="z")) for number in range(40)][-1],
    "missing after many": lambda kind: [kind(1) for _ in range(40)] and kind(),
    "match": lambda kind: kind.__match_args__,
    "read": lambda kind: repr(msgspec.convert({"x": 1, "names": ["a"]}, kind)),
    "written": lambda kind: msgspec.to_builtins(kind(1)),
}


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_as_the_library(use: Callable[[type[Any]], object]) -> None:
    theirs, ours = answers(use)
    assert ours == theirs


@pytest.mark.parametrize("decorator", KINDS)
def test_what_a_class_writes_itself_stays(decorator: Callable[..., Any]) -> None:
    @decorator(frozen=True, kw_only=True)
    class Own:
        x: int

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "own"

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("negative")

    assert Own(x=1) == 5
    assert repr(Own(x=1)) == "own"
    assert hash(Own(x=1)) == hash(Own(x=1))
    for _ in range(40):
        with pytest.raises(ValueError, match="negative"):
            Own(x=-1)


@pytest.mark.parametrize("decorator", KINDS)
def test_a_class_below_another(decorator: Callable[..., Any]) -> None:
    @decorator(frozen=True)
    class Top:
        x: int

    @decorator(frozen=True)
    class Below(Top):
        y: int = 2

    assert (Below(1), Below(1).x) == (Below(1, 2), 1)
    assert Below(1) != Top(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed(Below(1), "x")


@lazy_dataclass.dataclass(frozen=True)
class Plain:
    """At the top of a module, where pickle finds it."""

    x: int


def test_pickled() -> None:
    assert pickle.loads(pickle.dumps(Plain(3))) == Plain(3)


def test_no_method_is_compiled_at_import() -> None:
    """The whole point: the library compiles one text a method."""
    assert point(lazy_dataclass.dataclass).__init__.__code__.co_filename.endswith(
        "lazy_dataclass.py"
    )
    assert not point(dataclasses.dataclass).__init__.__code__.co_filename.endswith(".py")
