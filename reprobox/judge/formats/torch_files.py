"""Checkpoints of torch: the zip format (.pt, .pth, .ckpt, TorchScript) and the legacy one, read
without torch.
"""

from __future__ import annotations

import functools
import hashlib
import io
import math
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from reprobox.judge.content import Blob, Content, Unreadable, once, put
from reprobox.judge.formats.pickles import Machine, Opaque, Symbol, Whole, encoded, flatten
from reprobox.judge.tensors import Array, Tensor

MAGIC = 0x1950A86A20F9469CFC6C
_MAX_ELEMENTS = 1 << 34
_LEFT_OUT = {
    "data.pkl",
    "byteorder",
    "version",
    ".format_version",
    ".storage_alignment",
    ".data/serialization_id",
}
"""Members below the root that are read otherwise, or say how it was written. So are the storages
that data.pkl names.

All others (TorchScript's source and constants, what somebody put beside) count.
"""
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
    "Untyped": ("bytes", np.dtype("V1")),
}
_NEW_TYPES: dict[str, tuple[str, Any]] = {
    "torch.uint16": ("uint16", np.uint16),
    "torch.uint32": ("uint32", np.uint32),
    "torch.uint64": ("uint64", np.uint64),
    "torch.float8_e4m3fn": ("float8_e4m3fn", np.uint8),
    "torch.float8_e5m2": ("float8_e5m2", np.uint8),
}
"""Types without a storage of their own: the tensor itself says how its bytes are read."""


@dataclass(frozen=True, kw_only=True)
class Store(Whole):
    """A storage that a tensor looks into."""

    dtype: str
    kind: Any
    count: int
    """Elements, as the persistent id says."""
    load: Callable[[], bytes]

    def whole(self) -> Tensor:
        """As Whole."""
        return Tensor(
            dtype=self.dtype, shape=(self.count,), load=lambda: self.view(0, (self.count,), (1,))
        )

    def view(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
        """The elements that a tensor sees; bounds are checked before memory is touched."""
        flat = np.frombuffer(self.load(), dtype=self.kind)
        last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
        if 0 in shape:
            return np.zeros(shape, dtype=self.kind)
        if offset < 0 or min(strides, default=0) < 0 or last >= flat.size:
            raise Unreadable("a tensor that reaches beyond its storage")
        steps = tuple(step * flat.itemsize for step in strides)
        return np.lib.stride_tricks.as_strided(
            flat[offset:], shape=shape, strides=steps, writeable=False
        )


def _tensor(store: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    if not isinstance(store, Store):
        raise Unreadable("a tensor without a storage")
    if store.dtype == "bytes":
        raise Unreadable("a tensor whose type is not said")
    size, steps = tuple(int(length) for length in shape), tuple(int(step) for step in strides)
    if min(size, default=0) < 0 or math.prod(size) > _MAX_ELEMENTS:
        raise Unreadable(
            "a tensor of more elements than a reader may take"
        )  # a stride of 0 makes any number of them from one
    return Tensor(dtype=store.dtype, shape=size, load=lambda: store.view(int(offset), size, steps))


def _build(name: str, args: Any) -> Any:
    """A value for a call of torch, or None: then the call is compared as it is, with every byte of
    the storages in it.
    """
    part = name.removeprefix("torch._utils._rebuild_")
    if part in ("tensor", "tensor_v2"):
        return (
            None if args[6:] and args[6] else _tensor(*args[:4])
        )  # conjugated or negated when it is read
    if part == "tensor_v3":
        return _new_tensor(args)
    if part in ("parameter", "parameter_with_state") and isinstance(args[0], Tensor):
        return None if args[3:] and args[3] else args[0]
    if name == "torch._tensor._rebuild_from_type_v2":
        inner = _build(args[0].name, args[2])
        return None if inner is None else Opaque(args[1].name, (inner,), state=args[3])
    if name == "torch.Size":
        return tuple(args[0])
    if name.startswith("torch.storage."):
        return Opaque(name, args)
    return encoded(name, args)


def in_pickle(name: str, args: Any) -> Any:
    """As `_build`, in a plain pickle: there the storage of a tensor is bytes in the legacy format,
    which hold memory addresses.
    """
    if name == "torch.storage._load_from_bytes" and len(args) == 1 and isinstance(args[0], bytes):
        stream = io.BytesIO(args[0])
        if is_legacy(stream):
            return _legacy(stream)
    return _build(name, args)


def _new_tensor(args: Any) -> Tensor | None:
    store, named = args[0], args[6]
    if (
        not isinstance(named, Symbol)
        or named.name not in _NEW_TYPES
        or (args[7:] and args[7])
        or not isinstance(store, Store)
    ):
        return None
    dtype, kind = _NEW_TYPES[named.name]
    return _tensor(
        replace(store, dtype=dtype, kind=kind, count=store.count // np.dtype(kind).itemsize),
        *args[1:4],
    )


def _kind(symbol: Any) -> tuple[str, Any]:
    name = (
        symbol.name.rpartition(".")[2].removesuffix("Storage")
        if isinstance(symbol, Symbol)
        else "?"
    )
    if name not in _TYPES:
        raise Unreadable(f"a storage of type {name}")
    return _TYPES[name]


def read_zip(path: Path, limit: int) -> Content:
    """The zip format. `limit`: bytes that the members may have together."""
    archive = zipfile.ZipFile(path)
    if sum(info.file_size for info in archive.infolist()) > limit:
        raise Unreadable("a checkpoint that is larger than a reader may take")
    once(archive.namelist())
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise Unreadable("a zip file without its data.pkl")
    root = pickles[0].removesuffix("data.pkl")
    if (
        f"{root}byteorder" in archive.namelist()
        and archive.read(f"{root}byteorder").strip() != b"little"
    ):
        raise Unreadable("a checkpoint in big-endian order")
    read = functools.lru_cache(maxsize=1)(
        archive.read
    )  # views into one storage come one after another
    known = {f"{root}{name}" for name in _LEFT_OUT}
    with archive.open(pickles[0]) as stream:
        value = Machine(lambda pid: _stored(read, root, pid, known), _build).run(stream)
    leaves = flatten(value)
    for name in archive.namelist():
        if name not in known and not name.endswith(".debug_pkl"):
            digest = hashlib.sha256(archive.read(name)).hexdigest()
            put(
                leaves,
                f"<{name.removeprefix(root)}>",
                digest if name.startswith(f"{root}code/") else Blob(digest),
            )
    return Content(format="torch", leaves=leaves)


def _stored(read: Callable[[str], bytes], root: str, pid: Any, known: set[str]) -> Store:
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
        raise Unreadable("an unknown persistent id")
    dtype, kind = _kind(pid[1])
    member = f"{root}data/{pid[2]}"
    known.add(member)
    return Store(dtype=dtype, kind=kind, count=_count(pid), load=lambda: read(member))


def _count(pid: tuple[Any, ...]) -> int:
    """Elements of a storage; of one that has no type, bytes."""
    if not isinstance(pid[4], int) or not 0 <= pid[4] <= _MAX_ELEMENTS:
        raise Unreadable("a storage of an odd size")
    return pid[4]


def is_legacy(stream: IO[bytes]) -> bool:
    """Whether a pickle begins as torch's old format does."""
    head = stream.read(16)
    stream.seek(0)
    return head[2:3] == b"\x8a" and int.from_bytes(head[4 : 4 + head[3]], "little") == MAGIC


def read_legacy(stream: IO[bytes]) -> Content:
    """The format before torch 1.6."""
    # The keys of storages are memory addresses; they are not part of the value, so flatten does not
    # see them.
    return Content(format="torch-legacy", leaves=flatten(_legacy(stream)))


def _legacy(stream: IO[bytes]) -> Any:
    """Three small pickles, the value, the storages' names, then their bytes."""
    waiting: dict[str, tuple[str, Any, int]] = {}
    loaded: dict[str, bytes] = {}

    def persistent(pid: Any) -> Store:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise Unreadable("an unknown persistent id")
        dtype, kind = _kind(pid[1])
        key = str(pid[2])
        if pid[5:] and pid[5] is not None:
            raise Unreadable("a storage that is a part of another")
        waiting[key] = (dtype, kind, _count(pid))
        return Store(dtype=dtype, kind=kind, count=_count(pid), load=lambda: loaded[key])

    def plain(_: Any) -> Any:
        raise Unreadable("a persistent id where none belongs")

    for _ in range(3):
        Machine(plain, encoded).run(stream)
    value = Machine(persistent, _build).run(stream)
    for key in Machine(plain, encoded).run(stream):
        loaded[str(key)] = _legacy_bytes(stream, waiting[str(key)])
    if set(waiting) - set(loaded):
        raise Unreadable("a checkpoint without all of its storages")
    return value


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
