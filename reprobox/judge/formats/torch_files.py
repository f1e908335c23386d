"""Checkpoints of torch: the zip format (.pt, .pth, .ckpt, TorchScript) and the legacy one, read
without torch.
"""

from __future__ import annotations

import functools
import hashlib
import io
import math
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import IO, Any

import numpy as np

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import pickle_leaves, pickles, zips
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.formats.pickle_data import Opaque, Pairs, Symbol, Tagged
from reprobox.judge.formats.pickles import Machine, encoded
from reprobox.judge.leaves import Blob, Unreadable, once
from reprobox.judge.tensors import Array, Tensor
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_HEAD = 40
"""Bytes of a legacy file that show what it is."""
_SYSTEM = {"/protocol_version", "/little_endian", "/type_sizes"}
_MAX_ELEMENTS = 1 << 34
_MAX_MASK = 1 << 28
_NUMBER = regex(rb"\d+\s*")
_SAYS_HOW = {
    "byteorder": regex(b"little"),
    "version": _NUMBER,
    ".format_version": _NUMBER,
    ".storage_alignment": _NUMBER,
    ".data/serialization_id": regex(rb"[ -~]*"),
}
"""Members below the root that say how it was written, and what they may hold.

All others (TorchScript's source and constants, what a user added) count.
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
    "Bool": ("bool", np.uint8),
    "ComplexDouble": ("complex128", np.complex128),
    "ComplexFloat": ("complex64", np.complex64),
    "Float8_e4m3fn": ("float8_e4m3fn", np.uint8),
    "Float8_e5m2": ("float8_e5m2", np.uint8),
    "QInt8": ("qint8", np.int8),
    "QUInt8": ("quint8", np.uint8),
    "QInt32": ("qint32", np.int32),
    "QUInt4x2": ("quint4x2", np.uint8),
    "QUInt2x4": ("quint2x4", np.uint8),
    "Untyped": ("bytes", np.dtype("V1")),
}
_MODULES = frozenset({"torch", "torch.cuda", "torch.storage"})
_DEVICE = regex(
    r"(cpu|cuda|hpu|ipu|maia|meta|mps|mtia|npu|privateuseone|vulkan|xla|xpu)(:\d+)?", re.ASCII
)
_NEW_TYPES: dict[str, tuple[str, Any]] = {
    "torch.uint16": ("uint16", np.uint16),
    "torch.uint32": ("uint32", np.uint32),
    "torch.uint64": ("uint64", np.uint64),
    "torch.float8_e4m3fn": ("float8_e4m3fn", np.uint8),
    "torch.float8_e5m2": ("float8_e5m2", np.uint8),
    "torch.float8_e4m3fnuz": ("float8_e4m3fnuz", np.uint8),
    "torch.float8_e5m2fnuz": ("float8_e5m2fnuz", np.uint8),
    "torch.float8_e8m0fnu": ("float8_e8m0fnu", np.uint8),
    "torch.float4_e2m1fn_x2": ("float4_e2m1fn_x2", np.uint8),
}
"""Types without a storage of their own: the tensor itself says how its bytes are read."""
_OURS = {
    "numbers": "numbers or addresses that storages have as names",
    "strides": "strides of a tensor",
    "begins": "where in its storage a tensor begins",
    "grad": "`requires_grad`",
    "device": "the device that a tensor was on",
}
_IN_ZIP = {
    "root": "name of the archive's root",
    "versions": "members that say how it was written: `version`, `byteorder`, "
    "`.data/serialization_id` and their like",
    "debug": "TorchScript's `.debug_pkl`: where a line of its code came from",
}


class Memory:
    """A storage, as what tensors share."""

    def __init__(self, load: Callable[[], bytes]) -> None:
        self.load = load

    def unseen(self, views: Sequence[Tensor]) -> bytes:
        """The bytes that none of these tensors shows; all of them where telling takes too much."""
        data = np.frombuffer(self.load(), np.uint8)
        if any(getattr(view, "covers", 0) == data.size for view in views):
            return b""
        if data.size > _MAX_MASK:
            return data.tobytes()
        seen = np.zeros(data.size, dtype=np.bool_)
        for view in views:
            if isinstance(view, View):
                view.mark(seen)
        return bytes(data[~seen].tobytes())


@dataclass(frozen=True, kw_only=True)
class View(Tensor):
    """A tensor and which bytes of its storage it shows."""

    itemsize: int = 1
    offset: int = 0
    strides: tuple[int, ...] = ()

    @property
    def covers(self) -> int:
        """Bytes from the storage's beginning that it shows without gaps; 0 where it does not."""
        expected, step = [], 1
        for size in reversed(self.shape):
            expected.append(step)
            step *= size
        plain = all(
            size == 1 or one == other
            for size, one, other in zip(self.shape, self.strides, expected[::-1], strict=True)
        )
        return step * self.itemsize if plain and self.offset == 0 else 0

    def mark(self, seen: Array) -> None:
        """Marks its bytes."""
        if 0 in self.shape:
            return
        whole = seen[: seen.size - seen.size % self.itemsize].reshape(-1, self.itemsize)
        _require_inside(self.offset, self.shape, self.strides, len(whole))
        steps = tuple(step * whole.strides[0] for step in self.strides)
        shown = np.lib.stride_tricks.as_strided(
            whole[self.offset :], (*self.shape, self.itemsize), (*steps, 1)
        )
        shown[...] = True


@dataclass(frozen=True, kw_only=True)
class Store(pickle_leaves.Whole):
    """A storage that a tensor looks into."""

    dtype: str
    kind: Any
    count: int
    """Elements, as the persistent id says."""
    memory: Memory

    def whole(self) -> Tensor:
        """All of its elements."""
        return self.tensor(0, (self.count,), (1,))

    def tensor(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
        """What a tensor sees of it."""
        return View(
            dtype=self.dtype,
            shape=shape,
            load=lambda: self.view(offset, shape, strides),
            memory=self.memory,
            itemsize=np.dtype(self.kind).itemsize,
            offset=offset,
            strides=strides,
        )

    def view(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
        """The elements that a tensor sees; bounds are checked before memory is touched."""
        data, item = self.memory.load(), np.dtype(self.kind).itemsize
        flat = np.frombuffer(data, dtype=self.kind, count=len(data) // item)
        if 0 in shape:
            return np.zeros(shape, dtype=self.kind)
        _require_inside(offset, shape, strides, flat.size)
        steps = tuple(step * flat.itemsize for step in strides)
        return np.lib.stride_tricks.as_strided(
            flat[offset:], shape=shape, strides=steps, writeable=False
        )


def _tensor(store: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    if not isinstance(store, Store):
        raise Unreadable("a tensor without a storage")
    if store.dtype == "bytes":
        raise Unreadable("a tensor without a type")
    size, steps = _whole(shape), _whole(strides)
    (offset,) = _whole((offset,))
    if min(size, default=0) < 0 or math.prod(size) > _MAX_ELEMENTS or len(size) != len(steps):
        raise Unreadable(
            "a tensor of more elements than a reader may take"
        )  # a stride of 0 makes any number of them from one
    found = store.tensor(offset, size, steps)
    if 0 not in size:
        _require_inside(offset, size, steps, _MAX_ELEMENTS)
    return found


def _whole(numbers: Any) -> tuple[int, ...]:
    if not isinstance(numbers, tuple) or not all(type(number) is int for number in numbers):
        raise Unreadable("a tensor whose shape or place is not of whole numbers")
    return numbers


def _require_inside(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], count: int
) -> None:
    """Raises Unreadable where a tensor reaches beyond the elements of its storage: NumPy would
    read, and write, whatever is there in memory.
    """
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    if offset < 0 or min(strides, default=0) < 0 or last >= count:
        raise Unreadable("a tensor that reaches beyond its storage")


def _build(name: str, args: Any) -> Any:
    """A value for a call of torch, or None: then the call is compared as it is, with every byte of
    the storages in it.
    """
    if not isinstance(args, tuple):
        return None
    begin = "torch._utils._rebuild_"
    part = name.removeprefix(begin) if name.startswith(begin) else ""
    if part in ("tensor", "tensor_v2"):
        args = args if len(args) > 4 else (*args, False)
        plain = not _says(args[5:6]) and not _says(args[6:7]) and not args[7:]
        found = _tensor(*args[:4]) if plain else None  # conjugated or negated when it is read
        return found if found and _may_have_grad(found, args[4]) else None
    if part == "tensor_v3":
        return _new_tensor(args)
    if part == "qtensor" and len(args) >= 7 and not _says(args[6:7]) and args[5] is False:
        return Opaque("torch quantized tensor", (_tensor(*args[:4]), args[4]))
    if part in ("parameter", "parameter_with_state") and isinstance(args[0], Tensor):
        plain = not _says(args[2:3]) and not _says(args[3:4])
        return Tagged(args[0], "parameter") if plain and _may_have_grad(*args[:2]) else None
    if name == "torch._tensor._rebuild_from_type_v2":
        inner = _build(args[0].name, args[2])
        return None if inner is None else Opaque(args[1].name, (inner,), state=args[3])
    if name == "torch.Size":
        return Opaque(name, (tuple(args[0]),))
    if name.startswith("torch.storage."):
        return None if name != "torch.storage.TypedStorage" else Opaque(name, args)
    return encoded(name, args)


def _may_have_grad(tensor: Tensor, said: Any) -> bool:
    """Whether `requires_grad` is a truth value, and true of floats only."""
    floats = "float" in tensor.dtype or tensor.dtype.startswith("complex")
    return said is False or (said is True and floats)


def _says(part: tuple[Any, ...]) -> bool:
    """Whether an optional argument (hooks, metadata, a state) says anything."""
    value = part[0] if part else None
    if isinstance(value, Pairs):
        return bool(value.named or value.odd or value.state is not None)
    return bool(value)


def in_pickle(name: str, args: Any) -> Any:
    """As `_build`, in a plain pickle: there the storage of a tensor is bytes in the legacy format,
    which hold memory addresses.
    """
    if name == "torch.storage._load_from_bytes" and len(args) == 1 and isinstance(args[0], bytes):
        stream = io.BytesIO(args[0])
        if _is_legacy_head(args[0][:_HEAD]):
            value = _legacy(stream)[0]
            if stream.tell() == len(args[0]):
                return value
    return _build(name, args)


def _new_tensor(args: Any) -> Tensor | None:
    store, named = args[0], args[6]
    if (
        not isinstance(named, Symbol)
        or named.name not in _NEW_TYPES
        or _says(args[5:6])
        or _says(args[7:8])
        or not isinstance(store, Store)
    ):
        return None
    dtype, kind = _NEW_TYPES[named.name]
    size = np.dtype(store.kind).itemsize
    count = store.count * size // np.dtype(kind).itemsize
    found = _tensor(replace(store, dtype=dtype, kind=kind, count=count), *args[1:4])
    return found if _may_have_grad(found, args[4]) else None


def _kind(symbol: Any) -> tuple[str, Any]:
    said = symbol.name if isinstance(symbol, Symbol) else "?"
    module, _, name = said.removesuffix("Storage").rpartition(".")
    if module not in _MODULES or name not in _TYPES or not said.endswith("Storage"):
        raise Unreadable(f"a storage of type {said:.200}")
    return _TYPES[name]


def _read_zip(file: File) -> Content:
    archive = zips.Zip(file)
    once(archive.names)
    for info in archive.infos:
        file.inside.take(info.file_size)
    root = next(name for name in archive.names if name.endswith("/data.pkl"))[: -len("data.pkl")]
    _require_little(archive, root)
    stores = _Stores(archive, root)
    stream = io.BytesIO(archive.read(f"{root}data.pkl"))
    walked = Machine(stores.get, _build)
    value = walked.run(stream)
    for name, leaf in pickle_leaves.flatten(value, walked.dropped).items():
        file.put(name, leaf)
    if behind := stream.read():
        file.put("<behind the pickle>", Blob(hashlib.sha256(behind).hexdigest()))
    for name in archive.names:
        known = name in stores.members or name == f"{root}data.pkl"
        left_out = name.removeprefix(root) in _SAYS_HOW or name.endswith(".debug_pkl")
        if not known and not left_out:
            digest = hashlib.sha256(archive.read(name)).hexdigest()
            text = name.startswith(f"{root}code/")
            file.put(f"<{name.removeprefix(root)}>", digest if text else Blob(digest))
    return file.content("torch")


def _require_little(archive: zips.Zip, root: str) -> None:
    """Raises Unreadable where a member that says how the file was written says something else."""
    for name, usual in _SAYS_HOW.items():
        if f"{root}{name}" in archive.names and not usual.fullmatch(archive.read(f"{root}{name}")):
            raise Unreadable(f"a checkpoint in big-endian order, or with an odd {name}")


class _Stores:
    """Storages of an archive by their persistent id; one object for each."""

    def __init__(self, archive: zips.Zip, root: str) -> None:
        self._root = root
        self._memory: dict[str, Memory] = {}
        self.members: set[str] = set()
        # Views into one storage come one after another.
        self._read = functools.lru_cache(maxsize=1)(archive.read)
        self._sizes = {info.filename: info.file_size for info in archive.infos}

    def _size(self, member: str) -> int:
        if member not in self._sizes:
            raise Unreadable(f"a checkpoint without its {member[:200]}")
        return self._sizes[member]

    def get(self, pid: Any) -> Store:
        """What stands for a persistent id. Raises Unreadable."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise Unreadable("an unknown persistent id")
        dtype, kind = _kind(pid[1])
        member = f"{self._root}data/{_key(pid)}"
        self.members.add(member)
        if self._size(member) != _count(pid) * np.dtype(kind).itemsize:
            raise Unreadable("a storage of another size than it says")
        memory = self._memory.setdefault(member, Memory(lambda: self._read(member)))
        return Store(dtype=dtype, kind=kind, count=_count(pid), memory=memory)


def _key(pid: tuple[Any, ...]) -> str:
    """Which storage a persistent id means; its device is left out, if it is one."""
    _, _, key, device, *_ = pid
    if not isinstance(key, str) or not isinstance(device, str) or not _DEVICE.fullmatch(device):
        raise Unreadable("a storage without a name, or on an unknown device")
    return key


def _count(pid: tuple[Any, ...]) -> int:
    """Elements of a storage; of one that has no type, bytes."""
    if type(pid[4]) is not int or not 0 <= pid[4] <= _MAX_ELEMENTS:
        raise Unreadable("a storage of an odd size")
    return pid[4]


def _is_legacy_head(head: bytes) -> bool:
    """Whether a pickle of torch's magic number begins here; from protocol 4 on it has a frame."""
    start = 11 if head[2:3] == b"\x95" else 2
    size = int.from_bytes(head[start + 1 : start + 2], "little")
    said = int.from_bytes(head[start + 2 : start + 2 + size], "little")
    return head[start : start + 1] == b"\x8a" and said == MAGIC


def _read_legacy(file: File) -> Content:
    """One value, or several that were saved one after the other into one file."""
    count = 0
    with file.path.open("rb") as stream:
        while (start := stream.tell()) < file.size:
            head = stream.read(_HEAD)
            stream.seek(start)
            if not _is_legacy_head(head):
                break
            value, dropped, sources = _legacy(stream)
            count += 1
            prefix = "" if count == 1 else f"save {count}: "
            for name, leaf in (pickle_leaves.flatten(value, dropped) | sources).items():
                file.put(f"{prefix}{name}", leaf)
            file.leave_out(SEVERAL, start, stream.tell())
    return file.content("torch-legacy")


def _legacy(stream: IO[bytes]) -> tuple[Any, list[Any], dict[str, Any]]:
    """Three small pickles, the value, the storages' names, then their bytes."""
    loaded: dict[str, bytes] = {}
    found = _LegacyIds(loaded)
    _require_heads([Machine(_no_ids, encoded).run(stream) for _ in range(3)])
    walked = Machine(found.get, _build)
    value = walked.run(stream)
    keys = Machine(_no_ids, encoded).run(stream)
    if not isinstance(keys, list) or set(map(str, keys)) != set(found.waiting):
        raise Unreadable("a checkpoint without all of its storages")
    for key in keys:
        loaded[str(key)] = _legacy_bytes(stream, found.waiting[str(key)])
    return value, walked.dropped, found.sources


def _require_heads(heads: list[Any]) -> None:
    """Raises Unreadable where a file says otherwise than torch on the systems that are read."""
    magic, protocol, system = heads
    sizes = system.get("type_sizes") if isinstance(system, Pairs) else None
    said = isinstance(sizes, Pairs) and sizes.named
    usual = said == {"/short": 2, "/int": 4, "/long": 4}
    if (magic, protocol) != (MAGIC, _PROTOCOL) or not usual or system.odd:
        raise Unreadable("a checkpoint of an unknown system or version")
    if system.named.keys() != _SYSTEM or system.get("protocol_version") != _PROTOCOL:
        raise Unreadable("a checkpoint of an unknown system or version")
    if system.get("little_endian") is not True:
        raise Unreadable("a checkpoint in big-endian order")


def _no_ids(_: Any) -> Any:
    raise Unreadable("a persistent id where none belongs")


class _LegacyIds:
    """What stands for persistent ids of the legacy format: storages, classes with their source."""

    def __init__(self, loaded: dict[str, bytes]) -> None:
        self._loaded = loaded
        self._memory: dict[str, Memory] = {}
        self.waiting: dict[str, tuple[str, Any, int]] = {}
        self.sources: dict[str, Any] = {}

    def get(self, pid: Any) -> Any:
        """A storage or a name. Raises Unreadable."""
        module = isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module"
        if module and isinstance(pid[1], Symbol):
            self.sources[f"<source of {pid[1].name}>"] = str(pid[3])
            return pid[1]
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise Unreadable("an unknown persistent id")
        dtype, kind = _kind(pid[1])
        key = _key(pid)
        if pid[5:] and pid[5] is not None:
            raise Unreadable("a storage that is a part of another")
        what = (dtype, kind, _count(pid))
        if self.waiting.setdefault(key, what) != what:
            raise Unreadable("a storage of two types or sizes")
        memory = self._memory.setdefault(key, Memory(lambda: self._loaded[key]))
        return Store(dtype=dtype, kind=kind, count=_count(pid), memory=memory)


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


def _is_zip(head: Head) -> bool:
    found = zips.names(head) if zips.is_zip(head) else []
    return sum(name.endswith("/data.pkl") for name in found) == 1


def _is_legacy(head: Head) -> bool:
    return _is_legacy_head(head.first[:_HEAD])


_NOT_CHECKED = {
    "big-endian": "files in big-endian order",
    "types": "storages of a type that is not known",
}
_BY = "own: opcodes of the pickle are walked, nothing is imported or called"
ZIP = Format(
    name="torch",
    files=".pt .pth .ckpt, TorchScript",
    by=_BY,
    claims=_is_zip,
    read=_read_zip,
    left_out=zips.LEFT_OUT | pickles.LEFT_OUT | _OURS | _IN_ZIP,
    not_checked=_NOT_CHECKED | zips.NOT_CHECKED,
    beyond=pickles.BEYOND,
)
LEGACY = Format(
    name="torch-legacy",
    files="legacy .pt",
    by=_BY,
    claims=_is_legacy,
    read=_read_legacy,
    left_out=pickles.LEFT_OUT | _OURS | {"source": "the file in which a class stood"},
    not_checked=_NOT_CHECKED | {"parts": "storages that are a part of another"},
    beyond=pickles.BEYOND,
)
