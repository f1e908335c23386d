"""TensorBoard events: values by `tag@step`, without the clock.

Records are TFRecords, events are messages of protobuf (tensorflow/core/util/event.proto,
summary.proto and tensor.proto). What else is in an event is a leaf of its own: `tag@step<rest>`
(a plugin's data, a shape), `event@step<4>` (a graph).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats import crc32c, protobuf
from reprobox.judge.formats.arrays import of_array
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Unreadable, segment
from reprobox.judge.tensors import Array, Tensor

_MASK = 0xA282EAD8
_CONTENT_TYPES: dict[int, tuple[str, Any]] = {
    1: ("float32", "<f4"),
    2: ("float64", "<f8"),
    3: ("int32", "<i4"),
    4: ("uint8", "u1"),
    5: ("int16", "<i2"),
    6: ("int8", "i1"),
    9: ("int64", "<i8"),
    10: ("bool", "u1"),
    14: ("bfloat16", "<u2"),
    17: ("uint16", "<u2"),
    19: ("float16", "<f2"),
    22: ("uint32", "<u4"),
    23: ("uint64", "<u8"),
}
"""DataType of `tensor_content`."""
_LISTS: dict[int, Any] = {5: "<f4", 6: "<f8"}
"""Fields of a TensorProto that hold packed numbers."""
LEFT_OUT = {
    "clock": "wall time of each event, and the checksum of an event that holds one",
    "order": "order of events with other tags or steps",
    "form": "whether a tensor's numbers stand as its content or as a list",
}


class Record(NamedTuple):
    """One record and where its data stand."""

    data: bytes
    start: int
    end: int


def _read(file: File) -> Content:
    events, data = _Events(file), file.data
    records = list(_records(data))
    if data and not records:
        raise Unreadable("not a file of events")
    _check(data, records)
    for record in records:
        forms = events.add(protobuf.fields(record.data))
        file.read(record.start - 12, record.end + 4)
        for form in forms:
            if (place := record.data.find(form)) >= 0:
                file.leave_out("form", record.start + place, record.start + place + 1)
        if record.data[:1] == b"\x09":
            file.leave_out("clock", record.start + 1, record.start + 9)
    return file.content("tensorboard")


def _records(data: Any) -> Iterator[Record]:
    """TFRecord: length, its checksum, bytes, their checksum. What a killed writer left behind the
    last whole record is rest.
    """
    place = 0
    while place + 16 <= len(data):
        length = int.from_bytes(data[place : place + 8], "little")
        if place + 16 + length > len(data):
            return
        yield Record(bytes(data[place + 12 : place + 12 + length]), place + 12, place + 12 + length)
        place += 16 + length


def _check(data: Any, records: list[Record]) -> None:
    """Checksums of all records. Raises Unreadable; a writer may also have left them 0."""
    lengths = [bytes(data[one.start - 12 : one.start - 4]) for one in records]
    found = [data[one.start - 4 : one.start] for one in records]
    found += [data[one.end : one.end + 4] for one in records]
    if not any(map(any, found)):
        return
    wanted = crc32c.checksums([*lengths, *(one.data for one in records)])
    for place, (one, crc) in enumerate(zip(found, wanted, strict=True)):
        masked = (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF
        if int.from_bytes(one, "little") != masked:
            record = records[place % len(records)]
            raise Unreadable(f"an event with a wrong checksum at {record.start - 12}")


class _Events:
    """Collects leaves; a name that comes again is numbered, because a tag may come twice at one
    step.
    """

    def __init__(self, file: File) -> None:
        self._file = file
        self._names: Counter[str] = Counter()
        self._forms: list[bytes] = []

    def add(self, event: protobuf.Fields) -> list[bytes]:
        """Event: wall_time 1, step 2, file_version 3, summary 5. The numbers of its tensors, as
        they stand in it with the field that holds them.
        """
        self._forms = []
        step = protobuf.signed(protobuf.single(event, 2, 0))
        protobuf.single(event, 1, 0)
        for version in event.pop(3, []):
            self._file.put(self._name("file_version"), protobuf.text(version))
        for summary in event.pop(5, []):
            message = protobuf.fields(summary)
            for value in message.pop(1, []):
                self._value(protobuf.fields(value), step)
            self._rest(self._name(f"summary@{step}<rest>"), message)
        for number, others in sorted(event.items()):
            self._rest(self._name(f"event@{step}<{number}>"), {number: others})
        return self._forms

    def _name(self, name: str) -> str:
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name} ({self._names[name]})"

    def _rest(self, name: str, message: protobuf.Fields) -> None:
        leaf = protobuf.rest(message)
        if leaf is not None:
            self._file.put(name, leaf)

    def _value(self, value: protobuf.Fields, step: int) -> None:
        """Summary.Value: tag 1, simple_value 2, image 4, histogram 5, audio 6, tensor 8."""
        tag = protobuf.text(protobuf.single(value, 1, b""))
        shown = tag if all(segment(part) == part for part in tag.split("/")) else segment(tag)
        name = self._name(f"{shown}@{step}")
        if 2 in value:
            number = protobuf.single(value, 2, b"")
            self._file.put(name, of_array(np.frombuffer(number, dtype="<f4")))
        if 5 in value:
            self._histogram(name, protobuf.fields(protobuf.single(value, 5, b"")))
        if 8 in value:
            self._tensor(name, protobuf.fields(protobuf.single(value, 8, b"")))
        self._rest(f"{name}<rest>", value)

    def _histogram(self, name: str, histogram: protobuf.Fields) -> None:
        for place, numbers in histogram.items():
            joined = b"".join(one if isinstance(one, bytes) else b"?" for one in numbers)
            if len(joined) % 8 or b"?" in numbers:
                raise Unreadable("a damaged histogram")
            self._file.put(f"{name}.{place}", of_array(np.frombuffer(joined, dtype="<f8")))

    def _tensor(self, name: str, proto: protobuf.Fields) -> None:
        """TensorProto: type 1, shape 2, content 4, floats 5, doubles 6. Numbers are an array; all
        else is kept as it is.
        """
        written = [(number, proto[number]) for number in (4, *_LISTS) if number in proto]
        found = _numbers(proto)
        if found is not None:
            self._forms += [_field(number, held[0]) for number, held in written if len(held) == 1]
            taken = f"{name} (tensor)" if name in self._file.leaves else name
            self._file.put(taken, found)
        leaf = protobuf.rest(proto)
        if leaf is not None:
            self._file.put(f"{name}<tensor>", leaf)


def _field(number: int, held: bytes) -> bytes:
    """A field of bytes as it is written: number and wire type 2, length, bytes."""
    left, length = len(held), bytearray()
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([number << 3 | 2, *length, left]) + held


def _numbers(proto: protobuf.Fields) -> Tensor | None:
    for number, kind in _LISTS.items():
        if number in proto:
            return of_array(np.frombuffer(b"".join(proto.pop(number)), dtype=kind))
    known = _CONTENT_TYPES.get(proto.get(1, [0])[-1])
    if 4 not in proto or known is None or len(proto[4]) != 1:
        return None
    dtype, kind = known
    array: Array = np.frombuffer(proto.pop(4)[0], dtype=kind)
    return Tensor(dtype=dtype, shape=array.shape, load=lambda: array)


def _is_events(head: Head) -> bool:
    return "tfevents" in head.name


FORMAT = Format(
    name="tensorboard",
    files="TensorBoard's events",
    claims=_is_events,
    read=_read,
    left_out=LEFT_OUT,
    not_checked={
        "checksum": "events with a wrong checksum",
        "cut": "a last event that is cut off and differs",
    },
)
