"""TensorBoard event files: scalars as series, hparams as parameters.

Record framing: TensorFlow's tfrecord.h; messages: event.proto, summary.proto and the hparams
plugin's plugin_data.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from reprobox.kit import protobuf
from reprobox.kit.protobuf import Damaged, Value, double, fields, signed, text
from reprobox.trackers.reading import Reading, Unreadable

_LARGEST = 256 << 20
_FLOAT, _DOUBLE = 1, 2
"""DataType of a TensorProto."""


def read_events(path: Path, _: Mapping[str, str]) -> Reading:
    """Every scalar of the file by tag; the wall time is left out. A file that was cut off is read
    as far as it goes, since programs are stopped while they write one.
    """
    if path.stat().st_size > _LARGEST:
        raise Unreadable("an event file of more than 256 MiB")
    found = Reading()
    try:
        for record in _records(path.read_bytes()):
            _event(record, found)
    except Damaged as error:
        if not found.metrics and not found.params:
            raise Unreadable(str(error)) from error
    return found


def _records(data: bytes) -> Iterator[bytes]:
    """Length (8 bytes), its checksum (4), the record, its checksum (4)."""
    place = 0
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 8], "little")
        if place + 16 + length > len(data):
            return
        yield data[place + 12 : place + 12 + length]
        place += 16 + length


def _event(record: bytes, found: Reading) -> None:
    """Event: step 2, summary 5."""
    step, summaries = 0, []
    for number, value in fields(record):
        if number == 2:
            step = signed(value)
        elif number == 5 and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for number, value in fields(summary):
            if number == 1 and isinstance(value, bytes):
                _value(value, step, found)


def _value(message: bytes, step: int, found: Reading) -> None:
    """Summary.Value: tag 1, simple_value 2, tensor 8, metadata 9."""
    parts: dict[int, Value] = dict(fields(message))
    tag = text(parts.get(1, b""))
    if tag.startswith("_hparams_/"):
        _hparams(parts.get(9, b""), found)
    elif 2 in parts:
        found.point(tag, step, double(parts[2]))
    elif isinstance(tensor := parts.get(8), bytes):
        scalar = _scalar(tensor)
        if scalar is not None:
            found.point(tag, step, scalar)


def _scalar(tensor: bytes) -> float | None:
    """A TensorProto of one number: dtype 1, tensor_content 4, float_val 5, double_val 6."""
    parts = dict(fields(tensor))
    for number, size in ((5, 4), (6, 8)):
        if isinstance(value := parts.get(number), bytes) and len(value) == size:
            return double(value)
    content, kind = parts.get(4), parts.get(1)
    if isinstance(content, bytes) and (kind, len(content)) in ((_FLOAT, 4), (_DOUBLE, 8)):
        return double(content)
    return None


def _hparams(metadata: Value, found: Reading) -> None:
    """SummaryMetadata.plugin_data 1 -> content 2 -> HParamsPluginData.session_start_info 3 ->
    hparams 1, a map from name to google.protobuf.Value.
    """
    for content in _path(metadata, (1, 2, 3, 1)):
        entry = dict(fields(content))
        name, value = text(entry.get(1, b"")), entry.get(2, b"")
        for number, inner in fields(value) if isinstance(value, bytes) else ():
            if number == 2:
                found.param(name, double(inner))
            elif number == 3:
                found.param(name, text(inner))
            elif number == 4:
                found.param(name, bool(inner))


def _path(message: Value, numbers: tuple[int, ...]) -> Iterator[bytes]:
    if not isinstance(message, bytes):
        return
    if not numbers:
        yield message
        return
    for number, value in protobuf.fields(message):
        if number == numbers[0]:
            yield from _path(value, numbers[1:])
