"""safetensors: tensors by name, and the metadata.

Read here and not by the library: the format is a JSON header and one block of bytes, and the
library does not say which bytes no tensor holds.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import json_values
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Blob, Unreadable, segment
from reprobox.judge.tensors import Array, Tensor

_TYPES: dict[str, tuple[str, Any]] = {
    "F64": ("float64", np.float64),
    "F32": ("float32", np.float32),
    "F16": ("float16", np.float16),
    "BF16": ("bfloat16", np.uint16),
    "C64": ("complex64", np.complex64),
    "I64": ("int64", np.int64),
    "I32": ("int32", np.int32),
    "I16": ("int16", np.int16),
    "I8": ("int8", np.int8),
    "U64": ("uint64", np.uint64),
    "U32": ("uint32", np.uint32),
    "U16": ("uint16", np.uint16),
    "U8": ("uint8", np.uint8),
    "BOOL": ("bool", np.uint8),
    "F8_E4M3": ("float8_e4m3fn", np.uint8),
    "F8_E5M2": ("float8_e5m2", np.uint8),
    "F8_E8M0": ("float8_e8m0fnu", np.uint8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", np.uint8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", np.uint8),
}
_PACKED_BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
"""Types of which several elements share a byte: compared as bytes, with their shape."""
_MAX_HEADER = 100_000_000
LEFT_OUT = {
    "order": "order of the header's entries",
    "spaces": "spaces and escapes in the header",
}


def _read(file: File) -> Content:
    data = file.data
    length = int.from_bytes(data[:8], "little")
    if length > min(_MAX_HEADER, len(data) - 8):
        raise Unreadable("a safetensors header that is longer than the file")
    header = json.loads(bytes(data[8 : 8 + length]), object_pairs_hook=json_values.pairs)
    metadata = header.pop("__metadata__", None) or {} if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        raise Unreadable("a safetensors header that is not an object")
    for key in sorted(metadata):
        if not isinstance(metadata[key], str):
            raise Unreadable("metadata of safetensors that are not texts")
        file.put(f"__metadata__.{key if segment(key) == key else json.dumps(key)}", metadata[key])
    place, body = 0, np.frombuffer(data, np.uint8)[8 + length :]
    for name, entry in sorted(header.items(), key=_begin):
        start, end = _range(name, entry, body.size)
        if start != place:
            raise Unreadable(f"the safetensors entry {name} does not begin where the last one ends")
        place = end
    for name in sorted(header):
        _tensor(file, name, header[name], body)
    file.leave_out(SEVERAL, 0, 8 + length)
    file.read(8 + length, 8 + length + place)
    return file.content("safetensors")


def _begin(item: tuple[str, Any]) -> tuple[int, int]:
    start, end = _range(item[0], item[1], 1 << 62)
    return start, end


def _range(name: str, entry: Any, size: int) -> tuple[int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise Unreadable(f"a damaged safetensors entry {name}")
    offsets, shape = entry["data_offsets"], entry["shape"]
    whole = [*offsets, *shape] if isinstance(offsets, list) and isinstance(shape, list) else [-1]
    if not all(type(number) is int and number >= 0 for number in whole) or len(offsets) != 2:
        raise Unreadable(f"a damaged safetensors entry {name}")
    if not offsets[0] <= offsets[1] <= size:
        raise Unreadable(f"the safetensors entry {name} does not fit its place")
    return offsets[0], offsets[1]


def _tensor(file: File, name: str, entry: Any, body: Array) -> None:
    (start, end), shape, said = entry["data_offsets"], tuple(entry["shape"]), entry["dtype"]
    held = body[start:end]
    bits = _PACKED_BITS.get(said)
    if bits is not None:
        if (end - start) * 8 != math.prod(shape) * bits:
            raise Unreadable(f"the safetensors entry {name} does not fit its place")
        file.put(f"{name}<type>", f"{said}{list(shape)}")
        file.put(f"{name}<bytes>", Blob(held.tobytes().hex()))
        return
    if said not in _TYPES:
        raise Unreadable(f"the safetensors entry {name} is of type {str(said)[:40]}")
    dtype, kind = _TYPES[said]
    if end - start != math.prod(shape) * np.dtype(kind).itemsize:
        raise Unreadable(f"the safetensors entry {name} does not fit its place")

    def load() -> Array:
        return np.frombuffer(held.tobytes(), dtype=kind).reshape(shape)

    file.put(name, Tensor(dtype=dtype, shape=shape, load=load))


def _is_safetensors(head: Head) -> bool:
    first = head.first
    length = int.from_bytes(first[:8], "little")
    return len(first) > 9 and first[8:9] == b"{" and length + 8 <= head.size


FORMAT = Format(
    name="safetensors",
    files=".safetensors",
    claims=_is_safetensors,
    read=_read,
    left_out=LEFT_OUT,
    not_checked={"gaps": "gaps between tensors", "types": "tensors of a type that is not known"},
    beyond=(f"headers of more than {_MAX_HEADER:,} bytes",),
)
