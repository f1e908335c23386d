"""What a pickle names and asks for, as data; and the arrays of NumPy among it."""

from __future__ import annotations

from dataclasses import field
from typing import Any

import numpy as np

from reprobox.judge.formats import arrays
from reprobox.judge.leaves import Unreadable, quoted
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

PLAIN = regex(r'[^][/(){}<>":@!*\\\x00-\x1f]+')
_TYPE = regex(r"[biufcSUmM]\d+|V\d+")
_CORE = ("numpy.core", "numpy._core")
_RECONSTRUCT = frozenset(f"{core}.multiarray._reconstruct" for core in _CORE)
_FROM_BUFFER = frozenset(f"{core}.numeric._frombuffer" for core in _CORE)
_SCALAR = frozenset(f"{core}.multiarray.scalar" for core in _CORE)
_ROWS_FLAGS = (0, 8, 16, 24, 128, 136, 144, 152)
"""Flags of a compound type that do not speak of Python's objects (numpy/dtype_api.h)."""
_EMPTY = ((0,), b"b"), ((0,), "b")
"""What an array is made as before it gets its state."""


@dataclass(frozen=True)
class Symbol:
    """A name that the pickle mentions."""

    name: str


@dataclass
class Opaque:
    """A call that the pickle asks for, not made."""

    name: str
    args: Any
    state: Any = None
    items: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Tagged:
    """A value, and what it is besides: a scalar and not an array, a parameter and not a tensor."""

    value: Any
    kind: str


class Pairs:
    """A dictionary, which may be keyed by anything; no key is hashed that the pickle made.

    Args:
        ordered: whether the order of keys counts, as it does for an OrderedDict.
    """

    def __init__(self, *, ordered: bool = False) -> None:
        self.ordered = ordered
        self.state: Any = None
        """Attributes that an OrderedDict may carry (torch's state_dict keeps versions there)."""
        self.named: dict[str, Any] = {}
        """Values by the name of their key."""
        self.odd: list[tuple[Any, Any]] = []
        """Keys that have no name, such as tensors, with their values."""
        self._texts: dict[str, str] = {}

    def set(self, key: Any, value: Any) -> None:
        """Adds an entry. Raises Unreadable where the key is there already."""
        name = key_name(key)
        if name is None:
            self.odd.append((key, value))
            return
        if name in self.named:
            raise Unreadable(f"a pickle with two values of one key: {name:.200}")
        self.named[name] = value
        if isinstance(key, str):
            self._texts[key] = name

    def get(self, key: str) -> Any:
        """The value of a key that is a text, or None."""
        return self.named[self._texts[key]] if key in self._texts else None


_DEEPEST_KEY = 50


def key_name(key: Any) -> str | None:
    """`/name` for a text (quoted where it could be taken for anything else), `{0}` for any other
    key that can be written out; None for the rest.
    """
    if isinstance(key, str):
        return f"/{key}" if PLAIN.fullmatch(key) else f"/{quoted(key)}"
    said = _constant(key, 0)
    return None if said is None else f"{{{said}}}"


def _constant(value: Any, depth: int) -> str | None:
    if depth > _DEEPEST_KEY:
        raise Unreadable("a pickle with a key that is nested too deeply")
    if isinstance(value, str | int | float | bool | bytes | None):
        return repr(value)
    if isinstance(value, tuple):
        parts = [_constant(part, depth + 1) for part in value]
        if any(part is None for part in parts):
            return None
        return f"({', '.join(str(part) for part in parts)}{',' if len(parts) == 1 else ''})"
    if isinstance(value, Symbol):
        return value.name
    if isinstance(value, Opaque) and (found := array(value)) is not None:
        scalar = found.value if isinstance(found, Tagged) else found
        return f"{scalar.dtype}({scalar.load().item()!r})" if scalar.shape == () else None
    if isinstance(value, Opaque) and not value.items and value.state is None:
        said = _constant(value.args, depth + 1)
        return said and f"{value.name}{said}"
    return None


def array(value: Opaque) -> Any:
    """A NumPy array or scalar as the ways of pickling it look, compound types by field; None for
    all else.
    """
    args, state = value.args, value.state
    if not isinstance(args, tuple) or value.items:
        return None
    if value.name in _RECONSTRUCT and isinstance(state, tuple) and len(state) == 5:
        version, shape, dtype, fortran, data = state
        if version != 1 or len(args) != 3 or args[1:] not in _EMPTY or not _flags(fortran):
            return None
        found = _tensor(dtype, shape, data, "F" if fortran else "C")
        kind = args[0].name if isinstance(args[0], Symbol) else ""
        return found if kind == "numpy.ndarray" else found and Tagged(found, kind)
    if value.name in _FROM_BUFFER and len(args) == 4 and args[3] in ("C", "F") and state is None:
        data, dtype, shape, order = args
        return _tensor(dtype, shape, data, order)
    if value.name in _SCALAR and len(args) == 2 and state is None:
        found = _tensor(args[0], (), args[1], "C")
        return found and Tagged(found, "scalar")
    return None


def _flags(*values: Any) -> bool:
    """Whether these are truth values; Python 2 wrote whole numbers."""
    return all(type(value) in (bool, int) and value in (0, 1) for value in values)


def _tensor(dtype: Any, shape: Any, data: Any, order: Any) -> Any:
    if (
        not isinstance(dtype, Opaque)
        or not isinstance(data, bytes | bytearray)
        or not isinstance(dtype.args, tuple)
    ):
        return None
    try:
        kind = dtype_of(dtype)
        found = np.frombuffer(data, dtype=kind).reshape(
            tuple(int(size) for size in shape), order="F" if order == "F" else "C"
        )
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise Unreadable(f"a pickle with a damaged array: {error}") from error
    return arrays.by_field(found)


def dtype_of(wanted: Any) -> np.dtype[Any]:
    """The type that a pickled numpy.dtype describes, compound ones by their fields, times with
    their unit.
    """
    if not isinstance(wanted, Opaque) or not isinstance(wanted.args, tuple) or not wanted.args:
        raise Unreadable("an array without a type")
    if wanted.name != "numpy.dtype" or wanted.items or not _flags(*wanted.args[1:]):
        raise Unreadable("an array of which the type is not NumPy's")
    name, state = str(wanted.args[0]), () if wanted.state is None else wanted.state
    if not isinstance(state, tuple):
        raise Unreadable("an array of which the type has an odd state")
    if not _TYPE.fullmatch(name) or (state and not _is_state(state)):
        raise Unreadable(f"an array of type {name:.200}")
    if len(state) > 5 and state[3] is not None:
        return _compound(state)
    if len(state) > 2 and isinstance(state[2], tuple):
        return np.dtype((dtype_of(state[2][0]), state[2][1]))
    endian = state[1] if len(state) > 1 else "<"
    if endian not in ("<", ">", "|", "="):
        raise Unreadable("an array in an unknown byte order")
    found = np.dtype(
        ("<" if endian in "|=" else endian) + name + (_unit(state) if name[0] in "mM" else "")
    )
    if len(state) > 6 and not _is_size(found, state[5], state[6]):
        raise Unreadable(f"an array of type {name} and of another size")
    if len(state) > 7 and state[7] != found.flags:
        raise Unreadable(f"an array of type {name} with flags of another type")
    return found


def _compound(state: tuple[Any, ...]) -> np.dtype[Any]:
    if len(state) > 7 and state[7] not in _ROWS_FLAGS:
        raise Unreadable("an array of rows with flags of another type")
    fields = [(str(field), *state[4].get(field)[:2]) for field in state[3]]
    names, kinds, offsets = ([one[place] for one in fields] for place in range(3))
    return np.dtype(
        {
            "names": names,
            "formats": list(map(dtype_of, kinds)),
            "offsets": offsets,
            "itemsize": state[5],
        }
    )


def _is_state(state: tuple[Any, ...]) -> bool:
    """Whether version, part type, names and fields are what NumPy writes."""
    part, names, fields = (*state[2:5], None, None, None)[:3]
    plain = part is None or isinstance(part, tuple)
    return state[0] in (1, 2, 3, 4) and plain and (names is None) == (fields is None)


def _is_size(kind: np.dtype[Any], size: Any, alignment: Any) -> bool:
    """Whether a type has that size and alignment, which are said of texts and bytes only."""
    return (size, alignment) in ((-1, -1), (kind.itemsize, kind.alignment))


def _unit(state: tuple[Any, ...]) -> str:
    """What a time counts: `[25s]`, behind the type's other state; empty where it is not said."""
    said: tuple[Any, ...] = state[8][1] if len(state) > 8 and isinstance(state[8], tuple) else ()
    if len(said) < 2 or said[0] == b"generic":
        return ""
    unit = said[0].decode("ascii") if isinstance(said[0], bytes) else str(said[0])
    return f"[{int(said[1])}{unit}]"
