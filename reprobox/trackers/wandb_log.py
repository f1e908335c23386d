"""W&B's offline log (run-ID.wandb): history as series, config as parameters, summary as metrics.

The file is a LevelDB log (https://github.com/google/leveldb/blob/main/doc/log_format.md) behind a
header of 7 bytes; each record is a `wandb_internal.Record` message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from reprobox.kit.protobuf import Damaged, fields, signed, text
from reprobox.trackers.reading import Reading, Unreadable, flat

_HEADER, _BLOCK, _LARGEST = 7, 32768, 256 << 20
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _SUMMARY, _CONFIG, _RUN = 2, 3, 5, 17
"""Fields of Record."""


def read_log(path: Path, _: Mapping[str, str]) -> Reading:
    """Everything that was logged; names that begin with `_` are W&B's own."""
    if path.stat().st_size > _LARGEST:
        raise Unreadable("a W&B log of more than 256 MiB")
    data = path.read_bytes()
    if data[:4] != b":W&B":
        raise Unreadable("not a W&B log")
    found = Reading()
    try:
        for record in _records(data):
            _record(record, found)
    except Damaged as error:
        if not found.metrics and not found.params:
            raise Unreadable(str(error)) from error
    return found


def _records(data: bytes) -> Iterator[bytes]:
    place, parts = _HEADER, b""
    while place + 7 <= len(data):
        left = _BLOCK - place % _BLOCK
        if left < 7:
            place += left
            continue
        length = int.from_bytes(data[place + 4 : place + 6], "little")
        kind = data[place + 6]
        body = data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind == 0 or len(body) < length:
            return
        parts = body if kind in (_FULL, _FIRST) else parts + body
        if kind in (_FULL, _LAST):
            yield parts


def _record(record: bytes, found: Reading) -> None:
    for number, value in fields(record):
        if not isinstance(value, bytes):
            continue
        if number == _HISTORY:
            _history(value, found)
        elif number == _SUMMARY:
            for name, leaf in _items(value, 1):
                found.metric(name, leaf)
        elif number == _CONFIG:
            _config(value, found)
        elif number == _RUN:
            for inner, config in fields(value):
                if inner == 4 and isinstance(config, bytes):
                    _config(config, found)


def _history(message: bytes, found: Reading) -> None:
    """HistoryRecord: item 1, step 2 (HistoryStep: num 1)."""
    step = 0
    for number, value in fields(message):
        if number == 2 and isinstance(value, bytes):
            step = next((signed(num) for inner, num in fields(value) if inner == 1), 0)
    items = dict(_items(message, 1, own=True))
    at = items.get("_step", step)
    for name, leaf in items.items():
        if not name.startswith("_"):
            found.point(name, float(at) if isinstance(at, (int, float)) else 0.0, leaf)


def _config(message: bytes, found: Reading) -> None:
    for name, leaf in _items(message, 1):
        found.param(name, leaf)


def _items(message: bytes, place: int, *, own: bool = False) -> Iterator[tuple[str, object]]:
    """key 1, nested_key 2, value_json 16 of the items in field `place`."""
    for number, value in fields(message):
        if number != place or not isinstance(value, bytes):
            continue
        key, nested, raw = "", [], b""
        for inner, part in fields(value):
            if inner == 1:
                key = text(part)
            elif inner == 2:
                nested.append(text(part))
            elif inner == 16 and isinstance(part, bytes):
                raw = part
        name = key or ".".join(nested)
        if name.startswith("_") and not own:
            continue
        try:
            leaf = json.loads(raw)
        except ValueError:
            continue
        yield from flat({name: leaf})
