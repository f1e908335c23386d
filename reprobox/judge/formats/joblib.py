"""What joblib puts into a pickle: after the state of a NumpyArrayWrapper, the array's own bytes
stand between the opcodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from reprobox.judge.formats import arrays, pickle_data
from reprobox.judge.formats.pickle_data import Opaque, Pairs, Symbol, Tagged
from reprobox.judge.leaves import Unreadable
from reprobox.judge.tensors import Array

_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
_REQUIRED = {"/subclass", "/shape", "/order", "/dtype", "/allow_mmap"}
_KNOWN = _REQUIRED | {"/numpy_array_alignment_bytes"}
_OBJECT = tuple((name, *flags) for name in ("O8", "O4") for flags in ((False, True), (0, 1)))
_OBJECT_STATE = (3, "|", None, None, None, -1, -1, 63)


def raw(target: Opaque, stream: IO[bytes], nested: Callable[[IO[bytes]], Any]) -> Any:
    """The array that follows in the stream where `target` is joblib's wrapper; None for any other
    object.

    Args:
        nested: reads a pickle from the stream, which is how an array of objects is written.

    Raises:
        Unreadable: the wrapper says something odd, or the stream ends too early.
    """
    if target.name != _WRAPPER:
        return None
    said = target.state if isinstance(target.state, Pairs) else Pairs()
    made = target.args == () and not target.items  # False or None for () would end joblib
    if said.odd or not _REQUIRED <= set(said.named) <= _KNOWN or not made:
        raise Unreadable("an array of joblib of an unknown version")
    shape, wanted, order = said.get("shape"), said.get("dtype"), said.get("order")
    whole = isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not whole or order not in ("C", "F") or type(said.get("allow_mmap")) is not bool:
        raise Unreadable("an array of joblib without a shape or an order")
    if _is_object(wanted):
        return _tagged(_objects(nested(stream), shape), said.get("subclass"))
    kind = pickle_data.dtype_of(wanted)
    if said.get("numpy_array_alignment_bytes") is not None:
        padding = stream.read(int.from_bytes(stream.read(1), "little"))
        if padding.strip(b"\xff"):
            raise Unreadable("an array of joblib with something in its padding")
    return _tagged(arrays.by_field(_read(stream, kind, shape, order)), said.get("subclass"))


def _tagged(found: Any, kind: Any) -> Any:
    """An array of a subclass is another value than a plain one."""
    if not isinstance(kind, Symbol):
        raise Unreadable("an array of joblib without a class")
    return found if kind.name == "numpy.ndarray" else Tagged(found, kind.name)


def _objects(found: Any, shape: Any) -> Any:
    """An array of objects, which is a pickle of its own. Raises Unreadable where it has another
    shape than the wrapper says.
    """
    state = found.state if isinstance(found, Opaque) else None
    if not isinstance(state, tuple) or len(state) != 5 or state[1] != shape:
        raise Unreadable("an array of joblib of another shape than it says")
    return found


def _is_object(wanted: Any) -> bool:
    """Whether a type is the one of objects, just as NumPy writes it."""
    if not isinstance(wanted, Opaque) or wanted.name != "numpy.dtype":
        return False
    return wanted.args in _OBJECT and wanted.state == _OBJECT_STATE


def _read(stream: IO[bytes], kind: np.dtype[Any], shape: tuple[int, ...], order: Any) -> Array:
    count = math.prod(shape)
    data = stream.read(count * kind.itemsize)
    if len(data) != count * kind.itemsize:
        raise Unreadable("an array of joblib that is cut off")
    return np.frombuffer(data, dtype=kind, count=count).reshape(shape, order=order)
