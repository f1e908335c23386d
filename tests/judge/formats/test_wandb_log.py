"""W&B's offline log made by hand: LevelDB's blocks, records of protobuf."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from file_contents import content_of, plain, rest
from proto_bytes import field

from reprobox.judge.leaves import Unreadable

BEGIN = b":W&B\xe1\xbe\0"


def piece(kind: int, data: bytes) -> bytes:
    crc = zlib.crc32(bytes([kind]) + data)
    return struct.pack("<IHB", crc, len(data), kind) + data


def item(key: str, value: Any) -> bytes:
    return field(1, field(1, key.encode()) + field(16, json.dumps(value).encode()))


def history(**values: Any) -> bytes:
    return field(2, b"".join(item(key, value) for key, value in values.items()))


def test_the_history_by_key_and_step_without_clocks(tmp_path: Path) -> None:
    data = (
        BEGIN + piece(1, history(loss=0.5, _timestamp=1)) + piece(1, history(loss=0.25, _runtime=2))
    )
    content = content_of(tmp_path, "run.wandb", data)
    assert plain(content) == {"loss@0": 0.5, "loss@1": 0.25}
    assert rest(content) == []


def test_config_and_summary_are_told_from_the_history(tmp_path: Path) -> None:
    config = field(5, item("lr", 0.1) + item("_wandb", {"v": 1}))
    data = BEGIN + piece(1, config) + piece(1, field(3, item("best", {"acc": 1})))
    assert plain(content_of(tmp_path, "run.wandb", data)) == {
        "config.lr": 0.1,
        "summary.best.acc": 1,
    }


def test_a_record_over_the_end_of_a_block_is_one(tmp_path: Path) -> None:
    record = history(text="x" * 40_000)
    room = 32768 - len(BEGIN) - 7
    data = BEGIN + piece(2, record[:room]) + piece(4, record[room:])
    assert plain(content_of(tmp_path, "run.wandb", data))["text@0"] == "x" * 40_000


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b":W&B\0\0\0", "unknown version"),
        (BEGIN + piece(2, b"\x12\0"), "cut off"),
        (BEGIN + piece(1, history(a=1))[:-1], "damaged record at 7"),
        (BEGIN + b"\0\0\0", "cut off"),
        (BEGIN + bytes(4) + piece(1, history(a=1))[4:], "damaged record at 7"),
    ],
)
def test_a_damaged_log_says_why(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        content_of(tmp_path, "run.wandb", data)
