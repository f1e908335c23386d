"""GGUF files made by hand, as ggml's docs/gguf.md has them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from file_contents import content_of, plain, rest

from reprobox.judge.leaves import Blob, Unreadable


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def made(
    *,
    version: int = 3,
    keys: tuple[bytes, ...] = (),
    tensors: tuple[tuple[str, tuple[int, ...], int, bytes], ...] = (),
    alignment: int = 32,
) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys)
    body = b""
    for name, shape, kind, data in tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(body))
        body += data + bytes(-len(data) % alignment)
    return head + bytes(-len(head) % alignment) + body


def number(key: str, value: int) -> bytes:
    return text(key) + struct.pack("<II", 4, value)


def test_metadata_and_tensors_are_leaves_and_every_byte_is_accounted_for(tmp_path: Path) -> None:
    words = text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    tensor = ("w", (3, 2), 0, struct.pack("<6f", *range(6)))
    content = content_of(
        tmp_path, "m.gguf", made(keys=(number("epoch", 7), words), tensors=(tensor,))
    )
    found = plain(content)
    assert (found["<version>"], found["epoch"], found["tokens<count>"]) == (3, 7, 2)
    assert (found["tokens[0]"], found["tokens[1]"]) == ("a", "b")
    assert found["w"] == [[0, 1, 2], [3, 4, 5]]
    assert rest(content) == []


def test_another_alignment_and_another_order_of_tensors_are_read(tmp_path: Path) -> None:
    one, two = (("a", (1,), 24, b"\1"), ("b", (1,), 24, b"\2"))
    first = content_of(tmp_path, "m.gguf", made(tensors=(one, two)))
    other = made(keys=(number("general.alignment", 64),), tensors=(two, one), alignment=64)
    second = plain(content_of(tmp_path, "m.gguf", other))
    assert {name: second[name] for name in ("a", "b")} == {"a": [1], "b": [2]}
    assert plain(first)["b"] == [2]


def test_a_quantised_tensor_is_compared_as_bytes(tmp_path: Path) -> None:
    blocks = [bytes([value]) * 34 for value in (1, 2)]
    one, two = (
        plain(content_of(tmp_path, "m.gguf", made(tensors=(("q", (32,), 8, block),))))["q"]
        for block in blocks
    )
    assert isinstance(one, Blob)
    assert one != two


def test_padding_that_is_not_zero_belongs_to_the_rest(tmp_path: Path) -> None:
    data = bytearray(made(tensors=(("w", (1,), 24, b"\5"),)))
    data[-1] = 1
    assert rest(content_of(tmp_path, "m.gguf", bytes(data))) == [(len(data) - 31, 31)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (made(version=1), "version 1"),
        (made(tensors=(("w", (4,), 0, b""),)), "does not fit"),
        (made(tensors=(("w", (1,), 99, b""),)), "tensor of type 99"),
        (made(keys=(text("k") + struct.pack("<I", 77),)), "value of type 77"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "cut off"),
        (made(tensors=(("w", (1,) * 9, 24, b"\1"),)), "too many dimensions"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        content_of(tmp_path, "m.gguf", data)
