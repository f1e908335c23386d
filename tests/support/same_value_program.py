"""Says whether a format's own library reads the same value from two files. Runs under
`formats_python`; it is a second opinion where a reader called a changed file equal.

    python same_value_program.py < requests

A request is a line of JSON: `kind`, and two paths `one` and `other`. The answer to each is a line:
`same`, `other`, or `refused` with the reason. What LEFT_OUT of the format names is no part of a
value here either.
"""

from __future__ import annotations

import functools
import io
import json
import pickle
import struct
import sys
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np


class _Described:
    """A value as text: types, bits, and which objects are one."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []
        self._memory: dict[int, int] = {}

    def of(self, value: Any) -> Any:
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value)
        if type(value).__module__.startswith("torch") and hasattr(value, "data_ptr"):
            return self._tensor(value)
        if isinstance(value, list | dict):
            if id(value) in self._seen:
                return f"the one of number {self._seen[id(value)]}"
            self._seen[id(value)] = len(self._seen)
            self._kept.append(value)
        if isinstance(value, dict):
            items = [(repr(self.of(key)), self.of(item)) for key, item in value.items()]
            ordered = isinstance(value, OrderedDict)
            return type(value).__name__, items if ordered else sorted(items, key=repr)
        if isinstance(value, list | tuple):
            return type(value).__name__, [self.of(item) for item in value]
        if isinstance(value, set | frozenset):
            return type(value).__name__, sorted(repr(self.of(item)) for item in value)
        return type(value).__name__, repr(value)

    def _array(self, value: Any) -> Any:
        kind = value.dtype.newbyteorder("=")
        if value.dtype.names:
            return "rows", str(value.shape), [(n, self.of(value[n])) for n in value.dtype.names]
        held = self.of(value.tolist()) if value.dtype.hasobject else value.astype(kind).tobytes()
        return type(value).__name__, str(kind), str(value.shape), held

    def _tensor(self, value: Any) -> Any:
        import torch

        said = type(value).__name__, str(value.dtype), tuple(value.shape)
        storage = value.untyped_storage()
        place = self._memory.setdefault(storage.data_ptr(), len(self._memory))
        flat = torch.tensor([], dtype=torch.uint8).set_(storage)
        held = value.detach()
        if value.is_quantized:
            said = (*said, value.q_scale(), value.q_zero_point())
            held = value.int_repr()
        bits = torch.empty(held.shape, dtype=held.dtype).copy_(held).reshape(-1)
        bits = bits.view(torch.uint8)
        return *said, place, sorted(flat.tolist()), bits.tolist()


def _loaded(load: Callable[[Any], Any]) -> Callable[[Path], Any]:
    """All values that stand one behind the other in a file."""

    def values(path: Path) -> Any:
        found, size = [], path.stat().st_size
        with path.open("rb") as file:
            while file.tell() < size:
                found.append(_Described().of(load(file)))
        return found

    return values


def _torch(path: Path) -> Any:
    import torch

    return _Described().of(torch.load(path, weights_only=False))


def _joblib(path: Path) -> Any:
    import joblib

    return _Described().of(joblib.load(path))


def _npz(path: Path) -> Any:
    with np.load(path, allow_pickle=True) as found:
        return [(name, _Described().of(found[name])) for name in sorted(found.files)]


def _safetensors(path: Path) -> Any:
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        tensors = [(name, _Described().of(file.get_tensor(name))) for name in sorted(file.keys())]
        return sorted((file.metadata() or {}).items()), tensors


def _zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
        return archive.comment, sorted(members)


def _tar(path: Path) -> Any:
    with tarfile.open(path) as archive:
        return sorted(
            (one.name, one.type, one.linkname, one.issym() or archive.extractfile(one).read())
            for one in archive
            if one.issym() or one.isreg()
        )


def _events(path: Path) -> Any:
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto import event_pb2

    found = []
    for record in RawEventFileLoader(str(path)).Load():
        event = event_pb2.Event.FromString(record)
        event.ClearField("wall_time")
        for value in event.summary.value:
            _as_content(value.tensor)
        found.append(event.SerializeToString())
    return found


def _as_content(tensor: Any) -> None:
    """Floats and doubles as the content, where there is none: two forms of one value."""
    for kind, name, letter in ((1, "float_val", "f"), (2, "double_val", "d")):
        numbers = list(getattr(tensor, name))
        if numbers and tensor.dtype == kind and not tensor.tensor_content:
            tensor.tensor_content = struct.pack(f"<{len(numbers)}{letter}", *numbers)
            tensor.ClearField(name)


def _wandb(path: Path) -> Any:
    """Records of a small log, by the messages of W&B's own client. What is left out is named here
    by its field and not by its number.
    """
    from google.protobuf.message import DecodeError
    from wandb.proto import wandb_internal_pb2 as messages

    data, place, found = path.read_bytes(), 7, []
    if data[:7] != b":W&B\xe1\xbe\0":
        raise ValueError("not a log")
    while place < len(data):
        end = place + 7 + int.from_bytes(data[place + 4 : place + 6], "little")
        try:
            record = messages.Record.FromString(data[place + 7 : end])
        except DecodeError:  # in what is left out, or the values below are others
            record = _decoded(messages.Record(), data[place + 7 : end])
        kind, place = record.WhichOneof("record_type"), end
        if kind == "run":
            run = record.run
            found.append((run.project, run.run_group, run.job_type, run.notes, list(run.tags)))
        for items in (
            *(record.history.item, record.summary.update, record.config.update),
            record.run.config.update,
        ):
            for one in items:
                name = one.key or "/".join(one.nested_key)
                if name not in ("_timestamp", "_runtime") and not name.startswith("_wandb"):
                    found.append((kind, name, one.value_json))
    return found


def _decoded(message: Any, data: bytes) -> Any:
    """What can be decoded of a message: field by field, and so in each message in it."""
    from google.protobuf.message import DecodeError

    for number, part, inner in _wire(data):
        try:
            message.MergeFrom(type(message).FromString(part))
        except DecodeError:
            field = message.DESCRIPTOR.fields_by_number.get(number)
            if field is not None and field.message_type is not None:
                held = getattr(message, field.name)
                _decoded(held.add() if hasattr(held, "add") else held, inner)
    return message


def _wire(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, the whole field and its bytes, of each field of a message that has an end."""
    data, place = data + bytes(10), 0
    while place < len(data) - 10:
        start, (tag, place) = place, _varint(data, place)
        inner = b""
        if tag & 7 == 0:
            _, place = _varint(data, place)
        elif tag & 7 == 2:
            size, place = _varint(data, place)
            inner, place = data[place : place + size], place + size
        else:
            place += {1: 8, 5: 4}.get(tag & 7, len(data))
        yield tag >> 3, data[start:place], inner


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[place] & 127) << shift
        place, shift = place + 1, shift + 7
        if data[place - 1] < 128:
            return value, place


def _onnx(path: Path) -> Any:
    import onnx

    model = onnx.load(path)
    arrays = [
        (one.name, _Described().of(onnx.numpy_helper.to_array(one)))
        for one in model.graph.initializer
    ]
    del model.graph.initializer[:]
    return arrays, model.SerializeToString(deterministic=True)


def _gguf(path: Path) -> Any:
    from gguf import GGUFReader

    reader = GGUFReader(path)
    fields = [
        (field.name, [str(kind) for kind in field.types], field.contents())
        for field in reader.fields.values()
    ]
    tensors = [
        (one.name, str(one.tensor_type), one.shape.tolist(), one.data.tobytes())
        for one in reader.tensors
    ]
    return repr((sorted(fields), sorted(tensors)))


def _picture(path: Path) -> Any:
    from PIL import Image

    with Image.open(io.BytesIO(path.read_bytes())) as image:
        found = []
        for frame in range(getattr(image, "n_frames", 1)):
            image.seek(frame)
            palette = image.getpalette() if image.mode == "P" else None
            found.append((image.mode, image.size, palette, image.tobytes()))
        return found, sorted((key, repr(value)) for key, value in image.info.items())


VALUES: dict[str, Callable[[Path], Any]] = {
    "npy": _loaded(functools.partial(np.load, allow_pickle=True)),
    "npz": _npz,
    "safetensors": _safetensors,
    "pickle": _loaded(pickle.load),
    "joblib": _joblib,
    "torch": _torch,
    "torch-legacy": _torch,
    "zip": _zip,
    "tar": _tar,
    "tensorboard": _events,
    "wandb": _wandb,
    "onnx": _onnx,
    "gguf": _gguf,
    "png": _picture,
    "jpeg": _picture,
    "webp": _picture,
}


def _answer(kind: str, one: Path, other: Path) -> str:
    value = VALUES[kind]
    try:
        return "same" if value(one) == value(other) else "other"
    except Exception as error:
        return f"refused: {type(error).__name__}: {error}".splitlines()[0][:300]


def main() -> None:
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        said = json.loads(line)
        answer = _answer(said["kind"], Path(said["one"]), Path(said["other"]))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
