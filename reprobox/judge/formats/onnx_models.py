"""ONNX: weights by name, and everything else of the model as it is (onnx/onnx.proto)."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats import protobuf
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Blob, Unreadable, segment
from reprobox.judge.tensors import Array, Tensor

_TYPES: dict[int, tuple[str, Any]] = {
    1: ("float32", "<f4"),
    2: ("uint8", "u1"),
    3: ("int8", "i1"),
    4: ("uint16", "<u2"),
    5: ("int16", "<i2"),
    6: ("int32", "<i4"),
    7: ("int64", "<i8"),
    9: ("bool", "u1"),
    10: ("float16", "<f2"),
    11: ("float64", "<f8"),
    12: ("uint32", "<u4"),
    13: ("uint64", "<u8"),
    14: ("complex64", "<c8"),
    16: ("bfloat16", "<u2"),
    17: ("float8_e4m3fn", "u1"),
    19: ("float8_e5m2", "u1"),
}
_FLOATS = ((4, {1, 14}), (10, {11}))
_LISTS = ((5, {2, 3, 4, 5, 6, 9, 10, 16}, "i4"), (7, {7}, "i8"))
"""Fields that hold numbers as a list, for which types, and their width."""
_TEXTS = {2: "producer", 3: "producer version", 4: "domain", 6: "text"}
_GRAPH, _INITIALIZER = 7, 5
LEFT_OUT = {"encoding": "whether numbers are `raw_data` or a list"}


def _read(file: File) -> Content:
    """ModelProto: ir_version 1, texts 2 to 6, graph 7, opset_import 8, metadata_props 14."""
    model = protobuf.fields(file.data)
    if _GRAPH not in model:
        raise Unreadable("an ONNX file without a graph")
    graph = protobuf.fields(protobuf.single(model, _GRAPH, b""))
    for tensor in graph.pop(_INITIALIZER, []):
        _tensor(file, protobuf.fields(tensor))
    for number, values in sorted(graph.items()):
        for place, value in enumerate(values):
            file.put(f"<graph {number}>[{place}]", _said(value))
    for number, values in sorted(model.items()):
        for place, value in enumerate(values):
            name = f"<{_TEXTS[number]}>" if number in _TEXTS else f"<model {number}>[{place}]"
            file.put(name, protobuf.text(value) if number in _TEXTS else _said(value))
    file.read_all()
    return file.content("onnx")


def _said(value: Any) -> Blob:
    if isinstance(value, int):
        return Blob(value)
    name = _name(value)
    digest = hashlib.sha256(value).hexdigest()
    return Blob(f"{name}{digest} ({len(value)} bytes)")


def _name(value: bytes) -> str:
    """What a node or a value is called, where it is a message with a name."""
    try:
        found = protobuf.fields(value)
    except Unreadable:
        return ""
    parts = [one for number in (3, 4, 1) for one in found.get(number, []) if isinstance(one, bytes)]
    return f"{protobuf.text(parts[0])[:80]!r} " if parts else ""


def _tensor(file: File, proto: protobuf.Fields) -> None:
    """TensorProto: dims 1, data_type 2, floats 4, int32s 5, int64s 7, name 8, raw 9, doubles 10,
    external_data 13, data_location 14.
    """
    name = segment(protobuf.text(protobuf.single(proto, 8, b"")))
    kind = protobuf.single(proto, 2, 0)
    shape = _numbers(proto.pop(1, []))
    if proto.pop(13, []) or protobuf.single(proto, 14, 0):
        raise Unreadable(f"the data of {name} lie in another file, which is not read")
    data = _data(proto, kind)
    if kind not in _TYPES or data is None:
        file.put(f"{name}<type>", f"type {kind}{list(shape)}")
    else:
        dtype, numpy_kind = _TYPES[kind]
        array: Array = np.frombuffer(data, dtype=numpy_kind).reshape(shape)
        file.put(name, Tensor(dtype=dtype, shape=shape, load=lambda: array))
    rest = protobuf.rest(proto)
    if rest is not None:
        file.put(f"{name}<rest>", rest)


def _data(proto: protobuf.Fields, kind: int) -> bytes | None:
    """The numbers as raw data; None where they are stated directly."""
    if 9 in proto:
        return bytes(protobuf.single(proto, 9, b""))
    for number, own in _FLOATS:
        if number in proto and kind in own:
            return b"".join(proto.pop(number))
    for number, own, width in _LISTS:
        if number in proto and kind in own:
            values = np.array(_numbers(proto.pop(number)), dtype=width)
            return bytes(values.astype(_TYPES[kind][1].replace("f2", "u2")).tobytes())
    return b"" if not proto.keys() & {4, 5, 6, 7, 10, 11} and kind in _TYPES else None


def _numbers(values: list[Any]) -> tuple[int, ...]:
    """A repeated integer, packed or not."""
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(protobuf.signed(value))
            continue
        place = 0
        while place < len(value):
            number, place = protobuf.varint(value, place)
            found.append(protobuf.signed(number))
    return tuple(found)


def _is_onnx(head: Head) -> bool:
    return head.suffix == ".onnx"


FORMAT = Format(
    name="onnx",
    files=".onnx",
    claims=_is_onnx,
    read=_read,
    left_out=LEFT_OUT,
    not_checked={"elsewhere": "weights in other files"},
)
