"""Arrays of NumPy as leaves, whichever file they come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reprobox.judge.leaves import Leaf, segment
from reprobox.judge.tensors import Array, Tensor


def of_array(array: Array) -> Tensor:
    """A leaf of an array that is there already (or mapped); times are integers of a type that names
    their unit.
    """
    native = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    values = native.view(np.int64) if native.dtype.kind in "mM" else native
    return Tensor(dtype=str(native.dtype), shape=tuple(native.shape), load=lambda: values)


class Fields(dict[str, Any]):
    """The fields of a compound type: leaves, or fields again."""

    type_text = ""


def type_text(dtype: np.dtype[Any]) -> str:
    """A compound type without offsets and byte order."""
    if dtype.subdtype is not None:
        return f"{type_text(dtype.subdtype[0])}{list(dtype.subdtype[1])}"
    if dtype.names is None:
        return str(dtype.newbyteorder("="))
    return "{" + ", ".join(f"{name!r}: {type_text(dtype[name])}" for name in dtype.names) + "}"


def by_field(array: Array) -> Any:
    """A leaf, or Fields of them: compound types by field (what is between fields is chance),
    unnamed bytes as bytes.
    """
    if array.dtype.names:
        fields = Fields((field, by_field(array[field])) for field in array.dtype.names)
        fields.type_text = type_text(array.dtype)
        return fields
    if array.dtype.kind == "V" and array.dtype.itemsize:
        return of_array(
            np.frombuffer(array.tobytes(), np.uint8).reshape(*array.shape, array.dtype.itemsize)
        )
    if not array.dtype.itemsize:
        return f"{array.dtype.str} of no bytes, {list(array.shape)}"
    return of_array(array)


def put_fields(put: Callable[[str, Leaf], None], name: str, found: Any) -> None:
    """Adds what `by_field` gave, a field as `name.field`."""
    if not isinstance(found, Fields):
        put(name, found)
        return
    put(f"{name}<type>", found.type_text)
    for field, below in found.items():
        quoted = segment(field)
        put_fields(put, f"{name}.{field}" if quoted == field else f"{name}[{quoted}]", below)
