"""npy: one array, or several as `np.save` writes them one after the other into one file.

Headers: NEP 1. Arrays of objects are pickles, and are walked as those are.
"""

from __future__ import annotations

import ast
import math
import warnings
from typing import Any, NamedTuple

import numpy as np

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import arrays, pickles
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Unreadable

MAGIC = b"\x93NUMPY"
_MAX_HEADER = 1 << 20
_KEYS = {"descr", "fortran_order", "shape"}
LEFT_OUT = {
    "byte-order": "byte order of the numbers",
    "dimensions": "order of dimensions in memory",
    "header": "version of the header, its spelling and padding",
    "between": "bytes between the fields of compound types",
    "objects": "of an array of objects, which is a pickle, what is left out of those",
}


class Header(NamedTuple):
    """What stands before an array's bytes."""

    dtype: np.dtype[Any]
    fortran: bool
    shape: tuple[int, ...]
    start: int
    """Where its bytes begin."""

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def header(data: Any, place: int) -> Header:
    """The header that begins at a place. Raises Unreadable."""
    magic, version = bytes(data[place : place + 6]), bytes(data[place + 6 : place + 8])
    width = {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}.get(version)
    if magic != MAGIC or width is None:
        raise Unreadable("not an npy file")
    size = int.from_bytes(data[place + 8 : place + 8 + width], "little")
    start = place + 8 + width
    if size > _MAX_HEADER or start + size > len(data):
        raise Unreadable("an npy header that is cut off")
    text = bytes(data[start : start + size]).decode("utf-8" if version == b"\3\0" else "latin-1")
    said = ast.literal_eval(text.strip(" \n"))
    if not isinstance(said, dict) or set(said) != _KEYS or not _is_shape(said["shape"]):
        raise Unreadable("an odd npy header")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dtype = np.lib.format.descr_to_dtype(said["descr"])
    return Header(dtype, bool(said["fortran_order"]), said["shape"], start + size)


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)


def add(file: File, name: str, data: Any, place: int) -> int:
    """Adds the array that begins at a place of `data`; where it ends."""
    said = header(data, place)
    if said.dtype.hasobject:
        leaves, end = pickles.leaves_at(data, said.start)
        for leaf, value in leaves.items():
            file.put(f"{name}/{leaf}", value)
        file.put(f"{name}<shape>", str(said.shape))
        return end
    end = said.start + said.size
    if end > len(data):
        raise Unreadable("an npy file that is cut off")
    order: Any = "F" if said.fortran else "C"
    flat = np.frombuffer(data, said.dtype, math.prod(said.shape), said.start)
    array = flat.reshape(said.shape, order=order)
    arrays.put_fields(file.put, name, arrays.by_field(array))
    return end


def account(file: File, data: Any, place: int, end: int) -> None:
    """Where the bytes of one array went."""
    said = header(data, place)
    file.leave_out(SEVERAL, place + 6, said.start)
    file.read(place, place + 6)
    file.read(said.start, end)
    if said.dtype.hasobject:
        file.leave_out("objects", said.start, end)
    elif said.dtype.names is not None:
        file.leave_out("between", said.start, end)


def _read(file: File) -> Content:
    data, place, count = file.data, 0, 0
    while place < len(data) and bytes(data[place : place + 6]) == MAGIC:
        count += 1
        end = add(file, "array" if count == 1 else f"array {count}", data, place)
        account(file, data, place, end)
        place = end
    return file.content("npy")


def _is_npy(head: Head) -> bool:
    return head.first.startswith(MAGIC)


FORMAT = Format(
    name="npy",
    files=".npy, one array or several",
    claims=_is_npy,
    read=_read,
    left_out=LEFT_OUT,
)
