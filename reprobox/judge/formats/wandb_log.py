"""W&B's offline log (run-….wandb): records by their number, values of the history by key and step.

The file is one of LevelDB's logs (blocks of 32 KiB, records in pieces, each with a checksum)
behind seven bytes of its own; records are messages of protobuf (wandb_internal.proto).
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import json_values, protobuf
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Unreadable, segment

MAGIC = b":W&B"
_HEADER, _BLOCK, _PIECE = 7, 32768, 7
_BEGIN = MAGIC + b"\xe1\xbe\0"
"""Then a number of its own and the version of the log."""
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _SUMMARY, _CONFIG, _STATS = 2, 3, 5, 7
_CLOCKS = ("_timestamp", "_runtime")
_RUN = 17
_RUN_CONFIG = 4
_RUN_TEXTS = {3: "project", 6: "group", 7: "job type", 9: "notes", 10: "tag", 18: "job"}
"""Fields of a RunRecord that the user chose; the others are names, hosts, paths and times."""
LEFT_OUT = {
    "clock": "`_timestamp`, `_runtime` and `_wandb`; statistics of the system; a run's id, display "
    "name, host, paths, times, settings, environment and telemetry",
    "files": "records of files, artifacts and console output, which are files of their own",
    "blocks": "division into blocks, checksums",
}
_PASSING = frozenset({_STATS, 4, 6, 8, 11, 13, 16, 18, 21, 26, 110})
"""Records that a clock, a host or an identifier is in."""


def _read(file: File) -> Content:
    walk, data = _Walk(file), file.data
    if bytes(data[:_HEADER]) != _BEGIN:
        raise Unreadable("a log of an unknown version")
    for record in _records(data):
        walk.add(protobuf.fields(record))
    file.leave_out(SEVERAL, 0, file.size)
    return file.content("wandb")


def _records(data: Any) -> Iterator[bytes]:
    """Whole records. Raises Unreadable where a checksum is wrong or a record is cut off."""
    place, held = _HEADER, b""
    while place < len(data):
        left = _BLOCK - place % _BLOCK
        if left < _PIECE:
            place += left
            continue
        if place + _PIECE > len(data):
            raise Unreadable("a log that is cut off")
        size, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        piece = bytes(data[place + _PIECE : place + _PIECE + size])
        crc = int.from_bytes(data[place : place + 4], "little")
        if len(piece) != size or zlib.crc32(bytes([kind]) + piece) != crc:
            raise Unreadable(f"a damaged record at {place}")
        held = piece if kind in (_FULL, _FIRST) else held + piece
        if kind in (_FULL, _LAST):
            yield held
            held = b""
        place += _PIECE + size
    if held:
        raise Unreadable("a log that is cut off")


class _Walk:
    """Collects leaves."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._names: Counter[str] = Counter()
        self._steps = 0

    def add(self, record: protobuf.Fields) -> None:
        """Record: num 1, one of many kinds, control 16 and info 200."""
        for number in (1, 16, 200):
            record.pop(number, None)
        for kind, values in record.items():
            for value in values:
                if kind in (_HISTORY, _SUMMARY, _CONFIG):
                    self._items(kind, protobuf.fields(value))
                elif kind == _RUN:
                    self._run(protobuf.fields(value))
                elif kind not in _PASSING:
                    leaf = protobuf.rest({kind: [value]})
                    if leaf is not None:
                        self._file.put(self._name(f"<record {kind}>"), leaf)

    def _run(self, run: protobuf.Fields) -> None:
        for config in run.get(_RUN_CONFIG, []):
            self._items(_CONFIG, protobuf.fields(config))
        for number, name in _RUN_TEXTS.items():
            for value in run.get(number, []):
                self._file.put(self._name(f"<{name}>"), protobuf.text(value))

    def _name(self, name: str) -> str:
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name} ({self._names[name]})"

    def _items(self, kind: int, message: protobuf.Fields) -> None:
        """HistoryRecord: item 1; SummaryRecord and ConfigRecord: update 1."""
        step = self._steps
        self._steps += kind == _HISTORY
        prefix = {_HISTORY: "", _SUMMARY: "summary.", _CONFIG: "config."}[kind]
        end = f"@{step}" if kind == _HISTORY else ""
        for item in message.pop(1, []):
            key, value = _item(protobuf.fields(item))
            if key.split("/")[-1] not in _CLOCKS and not key.startswith("_wandb"):
                json_values.walk(
                    self._file, self._name(f"{prefix}{key}{end}"), json_values.parse(value)
                )
        leaf = protobuf.rest({number: held for number, held in message.items() if number < 100})
        if leaf is not None and kind != _HISTORY:
            self._file.put(self._name(f"<{prefix}rest>"), leaf)


def _item(item: protobuf.Fields) -> tuple[str, str]:
    """key 1, nested_key 2, value_json 16."""
    parts = [protobuf.text(part) for part in (item.get(1, []) or item.get(2, []))]
    values = item.get(16, [b"null"])
    return "/".join(map(segment, parts)), protobuf.text(values[-1])


def _is_wandb(head: Head) -> bool:
    return head.first.startswith(MAGIC)


FORMAT = Format(
    name="wandb",
    files="W&B's offline log",
    claims=_is_wandb,
    read=_read,
    left_out=LEFT_OUT,
    not_checked={"cut": "logs that are cut off"},
)
