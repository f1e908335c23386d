"""`dataclass`, whose methods are made when they are first used.

The library writes and compiles the text of up to six methods for each class when its module is
imported, and reads the text of each annotation. That took 180 ms of the 410 of a `run`, for 150
classes of which most get one instance or none. Here `==`, `hash`, `repr` and the refusal to assign
are plain functions over the fields, the fields are made when they are first asked for, and
`__init__` is the library's own only for a class that gets many instances. What type checkers see is
the library's decorator.
"""

from __future__ import annotations

import abc
import dataclasses
import inspect
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass

_FEW = 16
"""Instances after which the library's `__init__` pays."""


def _of_any_kind(
    cls: type[Any] | None = None, /, *, frozen: bool = False, slots: bool = False, **more: bool
) -> Any:
    """As `dataclasses.dataclass`. Classes without slots and without an order are made here; all
    others by the library.
    """

    def decorate(kind: type[Any]) -> type[Any]:
        if slots or more.keys() - {"eq", "kw_only"}:
            return dataclasses.dataclass(frozen=frozen, slots=slots, **more)(kind)
        return _made(kind, frozen, **more)

    return decorate if cls is None else decorate(cls)


def _made(cls: type[Any], frozen: bool, *, eq: bool = True, kw_only: bool = False) -> type[Any]:
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # else the library asks `inspect` for a signature
    # A class that defines `__eq__` alone has None for `__hash__`.
    written = {name for name, value in cls.__dict__.items() if value is not None}
    _fields_at_first_use(cls, kw_only)
    methods: dict[str, Any] = {
        "__init__": _initialiser(cls),
        "__repr__": _repr,
    }
    if eq:
        methods |= _comparison(cls)
    if frozen:
        methods |= {"__setattr__": _setter(cls), "__delattr__": _deleter(cls)}
    elif eq:
        methods["__hash__"] = None
    for name, method in methods.items():
        if name not in written:
            setattr(cls, name, method)
    if type(cls) is not type:
        abc.update_abstractmethods(cls)
    return cls


class _Late:
    """An attribute of a class that is made when it is first read, and stays."""

    def __init__(self, cls: type[Any], name: str, make: Callable[[], Any]) -> None:
        self._cls, self._name, self._make = cls, name, make

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        made = self._make()
        setattr(self._cls, self._name, made)
        return made


def _fields_at_first_use(cls: type[Any], kw_only: bool) -> None:
    """Gives a class what the library's functions ask for. Reading the text of each annotation, as
    the library does, takes most of the time of a class.
    """
    annotations = inspect.get_annotations(cls)
    given = {
        name: value
        for name in annotations
        if (value := getattr(cls, name, _MISSING)) is not _MISSING
    }
    fields = {name: value for name, value in cls.__dict__.items() if isinstance(value, _Field)}

    def make() -> dict[str, Any]:
        found: dict[str, Any] = {}
        for base in cls.__mro__[-1:0:-1]:
            found.update(getattr(base, _FIELDS, None) or {})
        if all(map(_is_plain, annotations.values())):
            own = {
                name: _field(name, annotations[name], given.get(name, _MISSING), kw_only)
                for name in annotations
            }
        else:
            own = _by_the_library(cls, annotations, given, kw_only)
        return {**found, **own}

    def places() -> tuple[str, ...]:
        every = getattr(cls, _FIELDS).values()
        known = {id(one) for one in dataclasses.fields(cls)}
        mine = [one for one in every if id(one) in known or "InitVar" in str(one.type)]
        return tuple(one.name for one in mine if one.init and not one.kw_only)

    wrong = any(_default(value).__class__.__hash__ is None for value in given.values())
    if wrong or not fields.keys() <= annotations.keys():
        _bare(kw_only)(cls)  # which raises
    for name, value in fields.items():
        if value.default is _MISSING:
            delattr(cls, name)
        else:
            setattr(cls, name, value.default)
    setattr(cls, _FIELDS, _Late(cls, _FIELDS, make))
    for name, value in _SHARED.items():
        setattr(cls, name, value)
    if "__match_args__" not in cls.__dict__:
        cls.__match_args__ = _Late(  # type: ignore[misc]
            cls, "__match_args__", places
        )


def _is_plain(annotation: object) -> bool:
    """Whether it is the type of a field: neither of a variable of the class, nor one of the
    library's own marks.
    """
    return isinstance(annotation, str) and not any(mark in annotation for mark in _MARKS)


def _field(name: str, annotation: Any, default: Any, kw_only: bool) -> dataclasses.Field[Any]:
    """As the library makes one."""
    made: Any = default if isinstance(default, _Field) else dataclasses.field(default=default)
    made.name, made.type, made._field_type = name, annotation, _KIND
    if made.kw_only is _MISSING:
        made.kw_only = kw_only
    return made  # type: ignore[no-any-return]


def _by_the_library(
    cls: type[Any], annotations: dict[str, Any], given: dict[str, Any], kw_only: bool
) -> dict[str, Any]:
    body = {"__annotations__": annotations, "__module__": cls.__module__, "__doc__": cls.__doc__}
    made = _bare(kw_only)(type(cls.__name__, (), {**body, **given}))
    found: dict[str, Any] = getattr(made, _FIELDS)
    return found


def _default(value: Any) -> Any:
    return value.default if isinstance(value, _Field) else value


def _bare(kw_only: bool) -> Callable[[type[Any]], type[Any]]:
    """The library's decorator, without the methods that are made here."""
    return dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only)


_MISSING, _Field, _FIELDS = dataclasses.MISSING, dataclasses.Field, "__dataclass_fields__"
_MARKS = ("ClassVar", "InitVar", "KW_ONLY")
_SAMPLE = _bare(False)(type("Sample", (), {"__doc__": "Any.", "__annotations__": {"x": "int"}}))
_KIND: Any = getattr(_SAMPLE, _FIELDS)["x"]._field_type
_SHARED = {
    name: value
    for name, value in vars(_SAMPLE).items()
    if name in ("__dataclass_params__", "__replace__")
}
"""What the library gives to each of these classes alike."""


def _initialiser(cls: type[Any]) -> Callable[..., None]:
    """An `__init__` that reads the fields at each call, and gives place to the library's."""
    after = getattr(cls, "__post_init__", None)
    plan: _Plan | None = None
    left = _FEW

    def init(self: Any, /, *given: Any, **named: Any) -> None:
        nonlocal left, plan
        left -= 1
        plan = plan or _planned(cls)
        if left < 0 or not plan.whole or not _assign(self.__dict__, plan, given, named):
            compiled(self, *given, **named)
        elif after is not None:
            self.__post_init__()

    def compiled(self: Any, /, *given: Any, **named: Any) -> None:
        made = _compiled(cls)
        if cls.__dict__.get("__init__") is init:
            cls.__init__ = made
        made(self, *given, **named)

    return init


class _Plan(NamedTuple):
    """How an instance gets its values."""

    fields: list[tuple[str, Any, Any]]
    """Name, default and maker of the default."""
    places: list[str]
    """The fields that are given by position."""
    whole: bool
    """Whether these are all that the library's `__init__` would take."""


def _planned(cls: type[Any]) -> _Plan:
    fields = dataclasses.fields(cls)
    return _Plan(
        [(one.name, one.default, one.default_factory) for one in fields if one.init],
        [one.name for one in fields if one.init and not one.kw_only],
        all(one.init for one in fields)
        and not any("InitVar" in str(one.type) for one in cls.__dataclass_fields__.values()),
    )


def _assign(
    values: dict[str, Any], plan: _Plan, given: tuple[Any, ...], named: dict[str, Any]
) -> bool:
    """Gives each field its value, in the order of the fields; False where the arguments do not fit,
    which the library's `__init__` then says.
    """
    if given:
        places = plan.places[: len(given)]
        if len(given) > len(places) or not named.keys().isdisjoint(places):
            return False
        named = {**named, **dict(zip(places, given, strict=True))}
    used = 0
    for name, default, factory in plan.fields:
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
    values: list[Callable[[Any], tuple[Any, ...]]] = []

    def read() -> list[Callable[[Any], tuple[Any, ...]]]:
        if not values:
            fields = dataclasses.fields(cls)
            compared = _values([one.name for one in fields if one.compare])
            hashed = [one.name for one in fields if (one.compare if one.hash is None else one.hash)]
            values.extend((compared, _values(hashed)))
        return values

    def equal(self: Any, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        compared = (values or read())[0]
        return self is other or compared(self) == compared(other)

    def hashed_value(self: Any) -> int:
        return hash((values or read())[1](self))

    return {"__eq__": equal, "__hash__": hashed_value}


def _values(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Reads the named attributes into a tuple."""
    if len(names) < 2:
        return lambda value: tuple(getattr(value, name) for name in names)
    read: Callable[[Any], tuple[Any, ...]] = attrgetter(*names)
    return read


if not TYPE_CHECKING:
    dataclass = _of_any_kind
