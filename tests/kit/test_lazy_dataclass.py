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


@pytest.mark.parametrize("decorator", KINDS)
def test_fields_of_a_class_below_another(decorator: Callable[..., Any]) -> None:
    @decorator(frozen=True)
    class Top:
        x: int
        y: int = 2
        z: dataclasses.InitVar[int] = 3

    @decorator(frozen=True, kw_only=True)
    class Below(Top):
        y: int
        x: int = dataclasses.field(default=1, metadata={"later": True})

    # `y` has the default that the class above gave it, and stays in its place.
    assert [(one.name, one.default, one.kw_only) for one in dataclasses.fields(Below)] == [
        ("x", 1, True),
        ("y", 2, True),
    ]
    assert dataclasses.fields(Below)[0].metadata == {"later": True}
    assert Below.x == 1
    assert repr(Below(y=5)) == repr(dataclasses.replace(Below(), y=5, z=0)) != repr(Below())
    assert dataclasses.is_dataclass(Below)
    assert [one.name for one in dataclasses.fields(Top)] == ["x", "y"]
    assert (Top.__match_args__, Below.__match_args__) == (("x", "y", "z"), ("z",))


@pytest.mark.parametrize("decorator", KINDS)
def test_a_class_that_can_be_changed(decorator: Callable[..., Any]) -> None:
    @decorator
    class Box:
        x: int
        seen: list[int] = dataclasses.field(default_factory=list, repr=False)

        @cached_property
        def first(self) -> int:
            return self.seen[0]

    @decorator(kw_only=True, eq=False)
    class Bare:
        x: int = 1

    box = Box(1, [5])
    box.x = 2
    assert (repr(box), box.first) == (repr(Box(2)), 5)
    assert box == Box(2, [5]) != Box(2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(box)
    with pytest.raises(TypeError, match="missing 1 required"):
        Box()
    with pytest.raises(TypeError, match="positional"):
        Bare(1)
    del box.x
    assert vars(box) == {"seen": [5], "first": 5}
    assert Bare() != Bare()
    assert isinstance(hash(Bare()), int)
    assert [one.x for one in (Bare(x=number) for number in range(40))] == list(range(40))
    assert dataclasses.replace(Box(1), x=3) == Box(3)


@pytest.mark.parametrize("decorator", KINDS)
def test_a_wrong_class_is_refused_when_it_is_made(decorator: Callable[..., Any]) -> None:
    class Mutable:
        names: list[str] = []  # noqa: RUF012 - what is refused

    class Maker:
        x: int = dataclasses.field(default={})  # type: ignore[arg-type]

    class NoField:
        x = dataclasses.field(default=1)

    for wrong, error in ((Mutable, ValueError), (Maker, ValueError), (NoField, TypeError)):
        with pytest.raises(error):
            decorator(frozen=True)(wrong)


def test_annotations_are_not_read_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = dataclasses._get_field  # type: ignore[attr-defined]

    def get_field(cls: type, name: str, *more: Any) -> Any:
        read.append(name)
        return real(cls, name, *more)

    monkeypatch.setattr(dataclasses, "_get_field", get_field)
    kind = point(lazy_dataclass.dataclass)
    assert read == []
    kind(1)
    assert sorted(read) == ["FORMAT", "last", "names", "seen", "x", "y"]


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
