"""ONNX models made by hand (onnx/onnx.proto): weights by name, all else as it is."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from file_contents import content_of, plain, rest
from proto_bytes import field, varint

from reprobox.judge.leaves import Unreadable


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def tensor(*numbers: bytes, name: str = "w", kind: int = 1, dims: tuple[int, ...] = (2,)) -> bytes:
    sizes = b"".join(whole(1, size) for size in dims)
    return sizes + whole(2, kind) + field(8, name.encode()) + b"".join(numbers)


def model(*tensors: bytes, producer: str = "torch", nodes: tuple[bytes, ...] = ()) -> bytes:
    graph = b"".join(field(5, one) for one in tensors) + b"".join(field(1, one) for one in nodes)
    return whole(1, 8) + field(2, producer.encode()) + field(7, graph)


RAW = struct.pack("<2f", 1, 2)


def test_raw_data_and_a_list_of_numbers_are_one_tensor(tmp_path: Path) -> None:
    one, other = (
        content_of(tmp_path, "m.onnx", model(tensor(numbers)))
        for numbers in (field(9, RAW), field(4, RAW))
    )
    assert plain(one) == plain(other)
    assert (plain(one)["w"], plain(one)["<producer>"]) == ([1, 2], "torch")
    assert rest(one) == []


def test_integers_of_a_list_are_signed(tmp_path: Path) -> None:
    packed = field(7, b"".join(varint(number & (1 << 64) - 1) for number in (5, -3)))
    assert plain(content_of(tmp_path, "m.onnx", model(tensor(packed, kind=7))))["w"] == [5, -3]


def test_nodes_are_leaves_with_their_names(tmp_path: Path) -> None:
    node = field(3, b"Conv_0") + field(4, b"Conv")
    one, other = (
        plain(content_of(tmp_path, "m.onnx", model(nodes=(node + field(5, end),))))["<graph 1>[0]"]
        for end in (b"a", b"b")
    )
    assert one.startswith("'Conv_0' ")
    assert one != other


def test_what_else_a_tensor_holds_is_a_leaf(tmp_path: Path) -> None:
    found = plain(content_of(tmp_path, "m.onnx", model(tensor(field(9, RAW), field(12, b"doc")))))
    assert found["w<rest>"] == repr([(12, [b"doc".hex()])])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (whole(1, 8), "without a graph"),
        (model(tensor(field(13, b"x"))), "lie in another file"),
        (model(tensor(whole(14, 1))), "lie in another file"),
        (model(tensor(field(9, RAW)), tensor(field(9, RAW))), "two values of one name: w"),
        (model(tensor(field(9, RAW)))[:-1], "damaged message"),
    ],
)
def test_a_model_that_is_not_whole_says_why(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        content_of(tmp_path, "m.onnx", data)
