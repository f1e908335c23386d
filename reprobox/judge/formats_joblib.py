"""What joblib puts into a pickle: after the state of a NumpyArrayWrapper, the array's own bytes stand between the opcodes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from reprobox.judge import formats_array
from reprobox.judge.content import Unreadable
from reprobox.judge.formats_pickle import Opaque
from reprobox.judge.tensors import Array

_PLAIN = re.compile(r"[biufcSUmM]\d+|V\d+")


def raw(target: Opaque, stream: IO[bytes], nested: Callable[[IO[bytes]], Any]) -> Any:
    """The array that follows in the stream where `target` is joblib's wrapper; None for any other object.

    Args:
        nested: reads a pickle from the stream, which is how an array of objects is written.

    Raises:
        Unreadable: the wrapper says something odd, or the stream ends too early.
    """
    if not target.name.startswith("joblib.") or not target.name.endswith(".NumpyArrayWrapper"):
        return None
    said = target.state if isinstance(target.state, dict) else {}
    shape, wanted = said.get("shape"), said.get("dtype")
    if not isinstance(shape, tuple) or not all(isinstance(size, int) and size >= 0 for size in shape):
        raise Unreadable("an array of joblib without a shape")
    if _is_object(wanted):
        return nested(stream)
    kind = _dtype(wanted)
    if said.get("numpy_array_alignment_bytes") is not None:
        stream.read(int.from_bytes(stream.read(1), "little"))
    return _leaves(_read(stream, kind, shape, "F" if said.get("order") == "F" else "C"))


def _is_object(wanted: Any) -> bool:
    return isinstance(wanted, Opaque) and isinstance(wanted.args, tuple) and str(wanted.args[:1]).startswith("('O")


def _dtype(wanted: Any) -> np.dtype[Any]:
    """The type that a pickled numpy.dtype describes, compound ones by their fields; times as integers."""
    if not isinstance(wanted, Opaque) or not isinstance(wanted.args, tuple) or not wanted.args:
        raise Unreadable("an array of joblib without a type")
    name, state = str(wanted.args[0]), wanted.state if isinstance(wanted.state, tuple) else ()
    if not _PLAIN.fullmatch(name):
        raise Unreadable(f"an array of joblib of type {name}")
    if len(state) > 5 and state[3] is not None:
        fields = [(str(field), *state[4][field][:2]) for field in state[3]]
        names, kinds, offsets = ([one[place] for one in fields] for place in range(3))
        return np.dtype({"names": names, "formats": list(map(_dtype, kinds)), "offsets": offsets, "itemsize": state[5]})
    if len(state) > 2 and isinstance(state[2], tuple):
        return np.dtype((_dtype(state[2][0]), state[2][1]))
    endian = state[1] if len(state) > 1 and state[1] in ("<", ">") else "<"
    return np.dtype(endian + ("i8" if name[0] in "mM" else name))


def _read(stream: IO[bytes], kind: np.dtype[Any], shape: tuple[int, ...], order: Any) -> Array:
    count = math.prod(shape)
    data = stream.read(count * kind.itemsize)
    if len(data) != count * kind.itemsize:
        raise Unreadable("an array of joblib that is cut off")
    return np.frombuffer(data, dtype=kind, count=count).reshape(shape, order=order)


def _leaves(array: Array) -> Any:
    """Compound types by field, because the bytes between fields are chance; unnamed bytes as bytes."""
    if array.dtype.names is not None:
        return {field: _leaves(array[field]) for field in array.dtype.names}
    if array.dtype.kind == "V":
        return formats_array.of_array(np.frombuffer(array.tobytes(), np.uint8).reshape(*array.shape, array.dtype.itemsize))
    return formats_array.of_array(np.ascontiguousarray(array))
