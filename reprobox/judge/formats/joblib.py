"""What joblib puts into a pickle: after the state of a NumpyArrayWrapper, the array's own bytes
stand between the opcodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from reprobox.judge.formats import arrays, pickle_data
from reprobox.judge.formats.pickle_data import Opaque
from reprobox.judge.leaves import Unreadable
from reprobox.judge.tensors import Array


def raw(target: Opaque, stream: IO[bytes], nested: Callable[[IO[bytes]], Any]) -> Any:
    """The array that follows in the stream where `target` is joblib's wrapper; None for any other
    object.

    Args:
        nested: reads a pickle from the stream, which is how an array of objects is written.

    Raises:
        Unreadable: the wrapper says something odd, or the stream ends too early.
    """
    if not target.name.startswith("joblib.") or not target.name.endswith(".NumpyArrayWrapper"):
        return None
    said = target.state if isinstance(target.state, pickle_data.Pairs) else pickle_data.Pairs()
    shape, wanted = said.get("shape"), said.get("dtype")
    if not isinstance(shape, tuple) or not all(
        isinstance(size, int) and size >= 0 for size in shape
    ):
        raise Unreadable("an array of joblib without a shape")
    if _is_object(wanted):
        return nested(stream)
    kind = pickle_data.dtype_of(wanted)
    if said.get("numpy_array_alignment_bytes") is not None:
        stream.read(int.from_bytes(stream.read(1), "little"))
    return arrays.by_field(_read(stream, kind, shape, "F" if said.get("order") == "F" else "C"))


def _is_object(wanted: Any) -> bool:
    return (
        isinstance(wanted, Opaque)
        and isinstance(wanted.args, tuple)
        and str(wanted.args[:1]).startswith("('O")
    )


def _read(stream: IO[bytes], kind: np.dtype[Any], shape: tuple[int, ...], order: Any) -> Array:
    count = math.prod(shape)
    data = stream.read(count * kind.itemsize)
    if len(data) != count * kind.itemsize:
        raise Unreadable("an array of joblib that is cut off")
    return np.frombuffer(data, dtype=kind, count=count).reshape(shape, order=order)
