"""safetensors made by hand: tensors by name, metadata by key, and no byte unaccounted for."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from file_contents import content_of, plain, rest

from reprobox.judge.content import compare
from reprobox.judge.leaves import Blob, Unreadable
from reprobox.judge.tensors import Tolerance


def made(header: Any, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_safetensors_metadata_in_another_order_is_the_same_content(tmp_path: Path) -> None:
    def file(metadata: dict[str, str]) -> bytes:
        return made(
            {"__metadata__": metadata, "w": entry("F32", [2], 0, 8)}, struct.pack("<2f", 1, 2)
        )

    left = content_of(tmp_path, "a.safetensors", file({"a": "1", "b": "2"}))
    (tmp_path / "other").mkdir()
    right = content_of(tmp_path / "other", "a.safetensors", file({"b": "2", "a": "1"}))
    assert compare(left, right, Tolerance())["same"]
    assert (left.format, rest(left)) == ("safetensors", [])
    assert plain(left) == {"__metadata__.a": "1", "__metadata__.b": "2", "w": [1, 2]}


def test_types_without_a_kind_in_numpy_keep_their_names(tmp_path: Path) -> None:
    header = {
        "b": entry("BF16", [1], 0, 2),
        "f": entry("F4", [2], 2, 3),
        "z": entry("I64", [0], 3, 3),
    }
    content = content_of(tmp_path, "a.safetensors", made(header, b"\x80\x3f\x21"))
    leaf: Any = content.leaves["b"]
    assert (leaf.dtype, leaf.load().tolist()) == ("bfloat16", [0x3F80])
    assert (content.leaves["f<type>"], content.leaves["f<bytes>"]) == ("F4[2]", Blob("21"))
    assert plain(content)["z"] == []


def test_bytes_behind_the_last_tensor_are_rest(tmp_path: Path) -> None:
    data = made({"w": entry("U8", [1], 0, 1)}, b"\1more")
    assert rest(content_of(tmp_path, "a.safetensors", data)) == [(len(data) - 4, 4)]


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"w": entry("U8", [1], 1, 2)}, "does not begin where"),
        ({"a": entry("U8", [2], 0, 2), "b": entry("U8", [1], 1, 2)}, "does not begin where"),
        ({"w": entry("F32", [2], 0, 4)}, "does not fit"),
        ({"w": entry("U8", [9], 0, 9)}, "does not fit"),
        ({"w": entry("I128", [1], 0, 4)}, "of type I128"),
        ({"w": entry("U8", [-1], 0, 1)}, "damaged safetensors entry"),
        ({"w": entry("U8", [1], 0, 1) | {"more": 1}}, "damaged safetensors entry"),
        ({"__metadata__": {"a": 1}}, "not texts"),
        ({"__metadata__": ["a"]}, "not an object"),
    ],
)
def test_a_header_that_does_not_fit_its_bytes_says_why(
    tmp_path: Path, header: Any, why: str
) -> None:
    with pytest.raises(Unreadable, match=why):
        content_of(tmp_path, "a.safetensors", made(header, bytes(4)))
