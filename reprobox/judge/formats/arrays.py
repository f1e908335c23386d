"""Files of arrays: npy, npz, safetensors. Arrays of objects are refused, because they are pickles."""

from __future__ import annotations

import itertools
import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from reprobox.judge.content import Content, Leaf, Unreadable, once, put
from reprobox.judge.formats.plain_text import pairs
from reprobox.judge.tensors import Array, Tensor

_TYPES: dict[str, tuple[str, Any]] = {
    "F64": ("float64", np.float64),
    "F32": ("float32", np.float32),
    "F16": ("float16", np.float16),
    "BF16": ("bfloat16", np.uint16),
    "I64": ("int64", np.int64),
    "I32": ("int32", np.int32),
    "I16": ("int16", np.int16),
    "I8": ("int8", np.int8),
    "U64": ("uint64", np.uint64),
    "U32": ("uint32", np.uint32),
    "U16": ("uint16", np.uint16),
    "U8": ("uint8", np.uint8),
    "BOOL": ("bool", np.bool_),
    "F8_E4M3": ("float8_e4m3fn", np.uint8),
    "F8_E5M2": ("float8_e5m2", np.uint8),
}
_MAX_HEADER = 100_000_000


def of_array(array: Array) -> Tensor:
    """A leaf of an array that is there already (or mapped); times are integers of a type that names
    their unit.
    """
    native = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    values = native.view(np.int64) if native.dtype.kind in "mM" else native
    return Tensor(dtype=str(native.dtype), shape=tuple(native.shape), load=lambda: values)


def by_field(array: Array) -> Any:
    """A leaf, or a dictionary of them: compound types by field (what is between fields is chance),
    unnamed bytes as bytes.
    """
    if array.dtype.names is not None:
        return {field: by_field(array[field]) for field in array.dtype.names}
    if array.dtype.kind == "V":
        return of_array(
            np.frombuffer(array.tobytes(), np.uint8).reshape(*array.shape, array.dtype.itemsize)
        )
    return of_array(array)


def _put(leaves: dict[str, Leaf], name: str, found: Any) -> None:
    if not isinstance(found, dict):
        put(leaves, name, found)
        return
    for field, below in found.items():
        _put(
            leaves,
            f"{name}.{field}" if re.fullmatch(r"\w+", field) else f"{name}[{json.dumps(field)}]",
            below,
        )


def read_npy(path: Path) -> Content:
    """One array, mapped and not read; or several, as `np.save` writes them one after the other into
    one file.
    """
    leaves: dict[str, Leaf] = {}
    try:
        end = _first(path, leaves)
        with path.open("rb") as file:
            file.seek(end)
            for count in itertools.count(2):
                if file.tell() >= path.stat().st_size:
                    break
                _put(
                    leaves,
                    f"array {count}",
                    by_field(np.lib.format.read_array(file, allow_pickle=False)),
                )
    except (ValueError, EOFError, OSError) as error:
        raise Unreadable(f"not a readable npy file: {error}") from error
    return Content(format="npy", leaves=leaves)


def _first(path: Path, leaves: dict[str, Leaf]) -> int:
    """The first array; where it ends."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    _put(leaves, "array", by_field(array))
    if isinstance(array, np.memmap) and array.offset is not None:
        return int(array.offset + array.nbytes)
    with path.open("rb") as file:
        np.lib.format.read_array(file, allow_pickle=False)
        return file.tell()


def read_npz(path: Path, limit: int) -> Content:
    """Arrays by name."""
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > limit:
            raise Unreadable("an npz file that is larger than a reader may take")
        once(archive.namelist())
    leaves: dict[str, Leaf] = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays.files:
                array = arrays[name]
                if not isinstance(array, np.ndarray):
                    raise Unreadable(f"an npz file with a member that is no array: {name}")
                _put(leaves, name, by_field(array))
    except (ValueError, EOFError, OSError) as error:
        raise Unreadable(f"not a readable npz file: {error}") from error
    return Content(format="npz", leaves=leaves)


def is_safetensors(head: bytes, size: int) -> bool:
    """Whether a file's first bytes are a header's length and the header's beginning."""
    return len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") + 8 <= size


def read_safetensors(path: Path) -> Content:
    """Tensors by name, sorted, because the writer orders the header's metadata by a random hash."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(_MAX_HEADER, size - 8):
            raise Unreadable("a safetensors header that is longer than the file")
        try:
            header = json.loads(file.read(length), object_pairs_hook=pairs)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"a damaged safetensors header: {error}") from error
    metadata = header.pop("__metadata__", None) or {} if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        raise Unreadable("a safetensors header that is not an object")
    leaves: dict[str, Leaf] = {
        f"__metadata__.{key}": str(metadata[key]) for key in sorted(metadata)
    }
    data = (
        np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
        if size > 8 + length
        else np.zeros(0, np.uint8)
    )
    for name in sorted(header):
        put(leaves, name, _slice(name, header[name], data))
    return Content(format="safetensors", leaves=leaves)


def _slice(name: str, entry: Any, data: Array) -> Tensor:
    try:
        (dtype, kind), (start, end), shape = (
            _TYPES[entry["dtype"]],
            entry["data_offsets"],
            tuple(entry["shape"]),
        )
        fits = (
            0 <= start <= end <= data.size
            and end - start == math.prod(shape) * np.dtype(kind).itemsize
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"a damaged safetensors entry {name}") from error
    if not fits:
        raise Unreadable(f"the safetensors entry {name} does not fit its place")
    return Tensor(
        dtype=dtype,
        shape=shape,
        load=lambda: np.frombuffer(data[start:end].tobytes(), dtype=kind).reshape(shape),
    )
