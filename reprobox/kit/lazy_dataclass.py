"""`dataclass`, whose methods are made when they are first used.

The library writes and compiles the text of six methods for each frozen class when its module is
imported. That took 140 ms of the 410 of a `run`, for 150 classes of which most get one instance or
none. Here `==`, `hash`, `repr` and the refusal to assign are plain functions over the fields, and
`__init__` is the library's own only for a class that gets many instances. What type checkers see is
the library's decorator.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass

_FEW = 16
"""Instances after which the library's `__init__` pays."""


def _of_any_kind(
    cls: type[Any] | None = None, /, *, frozen: bool = False, slots: bool = False, **more: bool
) -> Any:
    """As `dataclasses.dataclass`. Frozen classes without slots and without an order are made here;
    all others by the library.
    """

    def decorate(kind: type[Any]) -> type[Any]:
        if not frozen or slots or more.keys() - {"eq", "kw_only"}:
            return dataclasses.dataclass(frozen=frozen, slots=slots, **more)(kind)
        return _frozen(kind, **more)

    return decorate if cls is None else decorate(cls)


def _frozen(cls: type[Any], *, eq: bool = True, kw_only: bool = False) -> type[Any]:
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # else the library asks `inspect` for a signature
    # A class that defines `__eq__` alone has None for `__hash__`.
    written = {name for name, value in cls.__dict__.items() if value is not None}
    dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(cls)
    methods: dict[str, Callable[..., Any]] = {
        "__init__": _initialiser(cls),
        "__repr__": _repr,
        "__setattr__": _setter(cls),
        "__delattr__": _deleter(cls),
    }
    if eq:
        methods |= _comparison(cls)
    for name, method in methods.items():
        if name not in written:
            setattr(cls, name, method)
    return cls


def _initialiser(cls: type[Any]) -> Callable[..., None]:
    """An `__init__` that reads the fields at each call, and gives place to the library's."""
    plan = [
        (one.name, one.default, one.default_factory) for one in dataclasses.fields(cls) if one.init
    ]
    places = [one.name for one in dataclasses.fields(cls) if one.init and not one.kw_only]
    whole = not any("InitVar" in str(one.type) for one in cls.__dataclass_fields__.values())
    whole = whole and len(plan) == len(dataclasses.fields(cls))
    after = getattr(cls, "__post_init__", None)
    left = _FEW

    def init(self: Any, /, *given: Any, **named: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0 or not whole or not _assign(self.__dict__, plan, places, given, named):
            compiled(self, *given, **named)
        elif after is not None:
            self.__post_init__()

    def compiled(self: Any, /, *given: Any, **named: Any) -> None:
        made = _compiled(cls)
        if cls.__dict__.get("__init__") is init:
            cls.__init__ = made
        made(self, *given, **named)

    return init


_MISSING = dataclasses.MISSING


def _assign(
    values: dict[str, Any],
    plan: list[tuple[str, Any, Any]],
    places: list[str],
    given: tuple[Any, ...],
    named: dict[str, Any],
) -> bool:
    """Gives each field its value, in the order of the fields; False where the arguments do not fit,
    which the library's `__init__` then says.
    """
    if given:
        if len(given) > len(places) or not named.keys().isdisjoint(places[: len(given)]):
            return False
        named = {**named, **dict(zip(places, given, strict=False))}
    used = 0
    for name, default, factory in plan:
        if name in named:
            values[name] = named[name]
            used += 1
        elif default is not _MISSING:
            values[name] = default
        elif factory is not _MISSING:
            values[name] = factory()
        else:
            values.clear()
            return False
    if used != len(named):
        values.clear()
        return False
    return True


def _compiled(cls: type[Any]) -> Callable[..., None]:
    """The library's `__init__` for these fields, made on a class of its own."""
    fields = cls.__dataclass_fields__
    body: dict[str, Any] = {
        "__annotations__": {name: one.type for name, one in fields.items()},
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        **fields,
    }
    if hasattr(cls, "__post_init__"):
        body["__post_init__"] = cls.__post_init__
    shadow: Any = dataclasses.dataclass(frozen=True, eq=False, repr=False)(
        type(cls.__name__, (), body)
    )
    made: Callable[..., None] = shadow.__init__
    return made


def _repr(self: Any) -> str:
    parts = (
        f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr
    )
    return f"{type(self).__qualname__}({', '.join(parts)})"


def _setter(cls: type[Any]) -> Callable[..., None]:
    def assign(self: Any, name: str, value: object) -> None:
        if type(self) is cls or name in cls.__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    return assign


def _deleter(cls: type[Any]) -> Callable[..., None]:
    def delete(self: Any, name: str) -> None:
        if type(self) is cls or name in cls.__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return delete


def _comparison(cls: type[Any]) -> dict[str, Callable[..., Any]]:
    """`==` and `hash` over the values of the fields that count, each as the library has it."""
    fields = dataclasses.fields(cls)
    compared = _values([one.name for one in fields if one.compare])
    hashed = _values(
        [one.name for one in fields if (one.compare if one.hash is None else one.hash)]
    )

    def equal(self: Any, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self is other or compared(self) == compared(other)

    def hashed_value(self: Any) -> int:
        return hash(hashed(self))

    return {"__eq__": equal, "__hash__": hashed_value}


def _values(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Reads the named attributes into a tuple."""
    if len(names) < 2:
        return lambda value: tuple(getattr(value, name) for name in names)
    read: Callable[[Any], tuple[Any, ...]] = attrgetter(*names)
    return read


if not TYPE_CHECKING:
    dataclass = _of_any_kind
