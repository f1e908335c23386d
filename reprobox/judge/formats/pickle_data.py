"""What a pickle names and asks for, as data; and the arrays of NumPy among it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reprobox.judge.content import Unreadable
from reprobox.judge.formats import arrays

_TYPE = re.compile(r"[biufcSUmM]\d+|V\d+")


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


def array(value: Opaque) -> Any:
    """A NumPy array or scalar as the ways of pickling it look, compound types by field; None for
    all else.
    """
    last = value.name.rpartition(".")[2]
    if not value.name.startswith("numpy."):
        return None
    if last == "_reconstruct" and isinstance(value.state, tuple) and len(value.state) == 5:
        _, shape, dtype, fortran, data = value.state
        return _tensor(dtype, shape, data, "F" if fortran else "C")
    if last == "_frombuffer" and len(value.args) == 4:
        data, dtype, shape, order = value.args
        return _tensor(dtype, shape, data, order)
    if last == "scalar" and len(value.args) == 2:
        return _tensor(value.args[0], (), value.args[1], "C")
    return None


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
    name, state = str(wanted.args[0]), wanted.state if isinstance(wanted.state, tuple) else ()
    if not _TYPE.fullmatch(name):
        raise Unreadable(f"an array of type {name}")
    if len(state) > 5 and state[3] is not None:
        fields = [(str(field), *state[4][field][:2]) for field in state[3]]
        names, kinds, offsets = ([one[place] for one in fields] for place in range(3))
        return np.dtype(
            {
                "names": names,
                "formats": list(map(dtype_of, kinds)),
                "offsets": offsets,
                "itemsize": state[5],
            }
        )
    if len(state) > 2 and isinstance(state[2], tuple):
        return np.dtype((dtype_of(state[2][0]), state[2][1]))
    endian = state[1] if len(state) > 1 and state[1] in ("<", ">") else "<"
    return np.dtype(endian + name + (_unit(state) if name[0] in "mM" else ""))


def _unit(state: tuple[Any, ...]) -> str:
    """What a time counts: `[25s]`, behind the type's other state; empty where it is not said."""
    said: tuple[Any, ...] = state[8][1] if len(state) > 8 and isinstance(state[8], tuple) else ()
    if len(said) < 2 or said[0] == b"generic":
        return ""
    unit = said[0].decode("ascii") if isinstance(said[0], bytes) else str(said[0])
    return f"[{int(said[1])}{unit}]"
