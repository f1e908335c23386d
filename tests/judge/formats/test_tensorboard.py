"""Events of TensorBoard made by hand: values by tag and step, without the clock."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from file_contents import content_of, plain, rest
from proto_bytes import field, varint

from reprobox.judge.formats import crc32c
from reprobox.judge.leaves import Unreadable

NAME = "events.out.tfevents.1.host"


def record(data: bytes, *, checked: bool = True) -> bytes:
    """A TFRecord, with masked checksums where they are wanted."""
    length = struct.pack("<Q", len(data))
    sums = []
    for crc in crc32c.checksums([length, data]):
        masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
        sums.append(struct.pack("<I", masked) if checked else bytes(4))
    return length + sums[0] + data + sums[1]


def event(step: int, *fields: bytes, clock: float = 1.0) -> bytes:
    return b"\x09" + struct.pack("<d", clock) + b"\x10" + varint(step) + b"".join(fields)


def scalar(tag: str, value: float) -> bytes:
    return field(5, field(1, field(1, tag.encode()) + b"\x15" + struct.pack("<f", value)))


def test_values_by_tag_and_step_and_no_clock(tmp_path: Path) -> None:
    one, other = (
        content_of(tmp_path, NAME, record(event(3, scalar("loss", 0.5), clock=clock)))
        for clock in (1.0, 2.0)
    )
    assert plain(one) == plain(other) == {"loss@3": [0.5]}
    assert rest(one) == []


def test_a_tag_that_comes_twice_at_a_step_is_numbered_and_odd_ones_are_quoted(
    tmp_path: Path,
) -> None:
    data = record(event(1, scalar("a/b", 1))) + record(event(1, scalar("a/b", 2)))
    data += record(event(2, scalar("a@1", 3)))
    found = plain(content_of(tmp_path, NAME, data))
    assert found == {"a/b@1": [1], "a/b@1 (2)": [2], '"a@1"@2': [3]}


@pytest.mark.parametrize("kind", [1, 5])
def test_a_tensor_stands_as_content_or_as_a_list(tmp_path: Path, kind: int) -> None:
    numbers = struct.pack("<2f", 1, 2)
    proto = b"\x08\x01" + field(4 if kind == 1 else 5, numbers)
    value = field(5, field(1, field(1, b"t") + field(8, proto)))
    found = plain(content_of(tmp_path, NAME, record(event(1, value))))
    assert found["t@1"] == [1, 2]


def test_a_wrong_checksum_is_refused_unless_none_was_written(tmp_path: Path) -> None:
    data = event(1, scalar("loss", 0.5))
    bare = plain(content_of(tmp_path, NAME, record(data, checked=False)))
    assert bare == {"loss@1": [0.5]}
    damaged = bytearray(record(data))
    damaged[-1] ^= 1
    with pytest.raises(Unreadable, match="wrong checksum at 0"):
        content_of(tmp_path, NAME, bytes(damaged))


def test_a_last_event_that_is_cut_off_is_rest(tmp_path: Path) -> None:
    whole = record(event(1, scalar("loss", 0.5)))
    content = content_of(tmp_path, NAME, whole + whole[:-3])
    assert plain(content) == {"loss@1": [0.5]}
    assert rest(content) == [(len(whole), len(whole) - 3)]
    with pytest.raises(Unreadable, match="not a file of events"):
        content_of(tmp_path, NAME, b"no events at all, but long enough")
