"""Checkpoints of torch: the zip format (.pt, .pth, .ckpt, TorchScript) and the legacy one, read without torch."""

from __future__ import annotations

import functools
import hashlib
import math
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from reprobox.judge.content import Content, Leaf, Unreadable
from reprobox.judge.formats_pickle import Machine, Opaque, Symbol, encoded, flatten
from reprobox.judge.tensors import Array, Tensor

MAGIC = 0x1950A86A20F9469CFC6C
_MAX_ELEMENTS = 1 << 34
_TYPES: dict[str, tuple[str, Any]] = {
    "Double": ("float64", np.float64),
    "Float": ("float32", np.float32),
    "Half": ("float16", np.float16),
    "BFloat16": ("bfloat16", np.uint16),
    "Long": ("int64", np.int64),
    "Int": ("int32", np.int32),
    "Short": ("int16", np.int16),
    "Char": ("int8", np.int8),
    "Byte": ("uint8", np.uint8),
    "Bool": ("bool", np.bool_),
    "ComplexDouble": ("complex128", np.complex128),
    "ComplexFloat": ("complex64", np.complex64),
    "Float8_e4m3fn": ("float8_e4m3fn", np.uint8),
    "Float8_e5m2": ("float8_e5m2", np.uint8),
}


@dataclass(frozen=True, kw_only=True)
class Store:
    """A storage that a tensor looks into."""

    dtype: str
    kind: Any
    load: Callable[[], bytes]

    def view(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
        """The elements that a tensor sees; bounds are checked before memory is touched."""
        flat = np.frombuffer(self.load(), dtype=self.kind)
        last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
        if 0 in shape:
            return np.zeros(shape, dtype=self.kind)
        if offset < 0 or min(strides, default=0) < 0 or last >= flat.size:
            raise Unreadable("a tensor that reaches beyond its storage")
        steps = tuple(step * flat.itemsize for step in strides)
        return np.lib.stride_tricks.as_strided(flat[offset:], shape=shape, strides=steps, writeable=False)


def _tensor(store: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    if not isinstance(store, Store):
        raise Unreadable("a tensor without a storage")
    size, steps = tuple(int(length) for length in shape), tuple(int(step) for step in strides)
    if min(size, default=0) < 0 or math.prod(size) > _MAX_ELEMENTS:
        raise Unreadable("a tensor of more elements than a reader may take")  # a stride of 0 makes any number of them from one
    return Tensor(dtype=store.dtype, shape=size, load=lambda: store.view(int(offset), size, steps))


def _build(name: str, args: Any) -> Any:
    if name in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v3"):
        return _tensor(*args[:4])
    if name in ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state") and isinstance(args[0], Tensor):
        return args[0]
    if name == "torch.Size":
        return tuple(args[0])
    if name.startswith("torch.storage."):
        return Opaque(name, args)
    return encoded(name, args)


def _kind(symbol: Any) -> tuple[str, Any]:
    name = symbol.name.rpartition(".")[2].removesuffix("Storage") if isinstance(symbol, Symbol) else "?"
    if name == "Untyped":
        return "uint8", np.uint8
    if name not in _TYPES:
        raise Unreadable(f"a storage of type {name}")
    return _TYPES[name]


def read_zip(path: Path, limit: int) -> Content:
    """The zip format. `limit`: bytes that the members may have together."""
    archive = zipfile.ZipFile(path)
    if sum(info.file_size for info in archive.infolist()) > limit:
        raise Unreadable("a checkpoint that is larger than a reader may take")
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise Unreadable("a zip file without its data.pkl")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder").strip() != b"little":
        raise Unreadable("a checkpoint in big-endian order")
    read = functools.lru_cache(maxsize=1)(archive.read)  # views into one storage come one after another
    with archive.open(pickles[0]) as stream:
        value = Machine(lambda pid: _stored(read, root, pid), _build).run(stream)
    leaves = flatten(value) | _code(archive, root)
    return Content(format="torch", leaves=leaves)


def _stored(read: Callable[[str], bytes], root: str, pid: Any) -> Store:
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
        raise Unreadable("an unknown persistent id")
    dtype, kind = _kind(pid[1])
    member = f"{root}data/{pid[2]}"
    return Store(dtype=dtype, kind=kind, load=lambda: read(member))


def _code(archive: zipfile.ZipFile, root: str) -> dict[str, Leaf]:
    """TorchScript keeps source beside the weights; it counts, by its hash."""
    members = [name for name in archive.namelist() if name.startswith(f"{root}code/") and not name.endswith(".debug_pkl")]
    return {name.removeprefix(root): hashlib.sha256(archive.read(name)).hexdigest() for name in members}


def is_legacy(stream: IO[bytes]) -> bool:
    """Whether a pickle begins as torch's old format does."""
    head = stream.read(16)
    stream.seek(0)
    return head[2:3] == b"\x8a" and int.from_bytes(head[4 : 4 + head[3]], "little") == MAGIC


def read_legacy(stream: IO[bytes]) -> Content:
    """The format before torch 1.6: three small pickles, the value, the storages' names, then their bytes."""
    waiting: dict[str, tuple[str, Any, int]] = {}
    loaded: dict[str, bytes] = {}

    def persistent(pid: Any) -> Store:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise Unreadable("an unknown persistent id")
        dtype, kind = _kind(pid[1])
        key = str(pid[2])
        waiting[key] = (dtype, kind, int(pid[4]))
        return Store(dtype=dtype, kind=kind, load=lambda: loaded[key])

    def plain(_: Any) -> Any:
        raise Unreadable("a persistent id where none belongs")

    for _ in range(3):
        Machine(plain, encoded).run(stream)
    value = Machine(persistent, _build).run(stream)
    for key in Machine(plain, encoded).run(stream):
        loaded[str(key)] = _legacy_bytes(stream, waiting[str(key)])
    if set(waiting) - set(loaded):
        raise Unreadable("a checkpoint without all of its storages")
    # The keys of storages are memory addresses; they are not part of the value, so flatten does not see them.
    return Content(format="torch-legacy", leaves=flatten(value))


def _legacy_bytes(stream: IO[bytes], what: tuple[str, Any, int]) -> bytes:
    head = stream.read(8)
    count = struct.unpack("<q", head)[0] if len(head) == 8 else -1
    if count != what[2]:
        raise Unreadable("a storage of another size than it says")
    size = count * np.dtype(what[1]).itemsize
    data = stream.read(size)
    if len(data) != size:
        raise Unreadable("a checkpoint that is cut off")
    return data
