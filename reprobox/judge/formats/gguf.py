"""GGUF: metadata by key and tensors by name (ggml's docs/gguf.md)."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import numpy as np

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Blob, Leaf, Rows, Unreadable, segment
from reprobox.judge.tensors import Array, Tensor

MAGIC = b"GGUF"
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_TEXT, _LIST = 8, 9
_TYPES: dict[int, tuple[str, Any]] = {
    0: ("float32", "<f4"),
    1: ("float16", "<f2"),
    24: ("int8", "i1"),
    25: ("int16", "<i2"),
    26: ("int32", "<i4"),
    27: ("int64", "<i8"),
    28: ("float64", "<f8"),
    30: ("bfloat16", "<u2"),
}
_BLOCKS = {
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 36),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
}
"""Quantised types: elements and bytes of a block. They are compared as bytes."""
_MOST = 10_000_000
LEFT_OUT = {"padding": "zeros between tensors", "order": "order of tensors"}


class _Cursor:
    """Reads one thing after the other."""

    def __init__(self, data: Any) -> None:
        self.data, self.place = data, 0

    def number(self, layout: str) -> Any:
        found = struct.unpack_from(layout, self.data, self.place)[0]
        self.place += struct.calcsize(layout)
        return found

    def text(self) -> str:
        size = self.number("<Q")
        if self.place + size > len(self.data):
            raise Unreadable("a GGUF file that is cut off")
        found = bytes(self.data[self.place : self.place + size])
        self.place += size
        return found.decode("utf-8", "surrogateescape")

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind == _TEXT:
            return self.text()
        if kind == _LIST and depth < 4:
            inner, count = self.number("<I"), self.number("<Q")
            if count > min(_MOST, len(self.data)):
                raise Unreadable("more values than a reader may take")
            return [self.value(inner, depth + 1) for _ in range(count)]
        if kind not in _SCALARS:
            raise Unreadable(f"a GGUF value of type {kind}")
        return self.number(_SCALARS[kind])


def _read(file: File) -> Content:
    cursor = _Cursor(file.data)
    cursor.place = 4
    version = cursor.number("<I")
    if version not in (2, 3):
        raise Unreadable(f"a GGUF file of version {version}")
    file.put("<version>", version)
    tensors, keys = cursor.number("<Q"), cursor.number("<Q")
    if max(tensors, keys) > file.size:
        raise Unreadable("a GGUF file that is cut off")
    alignment = 32
    for _ in range(keys):
        key, kind = cursor.text(), cursor.number("<I")
        value = cursor.value(kind)
        alignment = value if key == "general.alignment" else alignment
        file.put(f"{segment(key)}<type>", kind)
        _metadata(file, segment(key), value)
    infos = [_info(cursor) for _ in range(tensors)]
    file.read(0, cursor.place)
    start = cursor.place + -cursor.place % alignment
    _padding(file, cursor.place, start)
    for name, shape, kind, offset in infos:
        size = _size(shape, kind)
        _tensor(file, name, shape, kind, start + offset)
        file.read(start + offset, start + offset + size)
        _padding(file, start + offset + size, start + offset + size + -size % alignment)
    return file.content("gguf")


def _info(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    name, count = cursor.text(), cursor.number("<I")
    if count > 8:
        raise Unreadable("a GGUF tensor of too many dimensions")
    shape = tuple(cursor.number("<Q") for _ in range(count))
    return name, shape[::-1], cursor.number("<I"), cursor.number("<Q")


def _metadata(file: File, name: str, value: Any) -> None:
    if not isinstance(value, list):
        file.put(name, value)
    elif any(isinstance(one, list) for one in value):
        file.put(name, Blob(repr(value)))
    else:
        file.put(f"{name}<count>", len(value))
        file.put_rows(name, Rows(value))


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _size(shape: tuple[int, ...], kind: int) -> int:
    if kind in _TYPES:
        return _elements(shape) * int(np.dtype(_TYPES[kind][1]).itemsize)
    if kind not in _BLOCKS:
        raise Unreadable(f"a GGUF tensor of type {kind}")
    elements, size = _BLOCKS[kind]
    return _elements(shape) // elements * size


def _tensor(file: File, name: str, shape: tuple[int, ...], kind: int, start: int) -> None:
    size = _size(shape, kind)
    if start + size > file.size:
        raise Unreadable(f"the tensor {name[:200]} does not fit its place")
    data = bytes(file.data[start : start + size])
    file.put(segment(name), _held(data, shape, kind))


def _held(data: bytes, shape: tuple[int, ...], kind: int) -> Leaf:
    if kind in _BLOCKS:
        return Blob(f"type {kind}{list(shape)} {hashlib.sha256(data).hexdigest()}")
    dtype, numpy_kind = _TYPES[kind]
    array: Array = np.frombuffer(data, dtype=numpy_kind).reshape(shape)
    return Tensor(dtype=dtype, shape=shape, load=lambda: array)


def _padding(file: File, start: int, end: int) -> None:
    end = min(end, file.size)
    if start < end and bytes(file.data[start:end]) == bytes(end - start):
        file.leave_out("padding", start, end)


def _is_gguf(head: Head) -> bool:
    return head.first.startswith(MAGIC)


FORMAT = Format(
    name="gguf",
    files=".gguf",
    claims=_is_gguf,
    read=_read,
    left_out=LEFT_OUT,
    not_checked={"types": "tensors and values of a type that is not known"},
    beyond=(f"lists of more than {_MOST:,} values",),
)
