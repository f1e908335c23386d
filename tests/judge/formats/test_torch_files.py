"""Tensors that are not inside of their storage, as a damaged checkpoint may say."""

from __future__ import annotations

import pytest

from reprobox.judge.formats.torch_files import Memory, View
from reprobox.judge.leaves import Unreadable


def _view(shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> View:
    return View(
        dtype="float32",
        shape=shape,
        load=lambda: None,  # type: ignore[arg-type, return-value]
        itemsize=4,
        strides=strides,
        offset=offset,
    )


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((5,), (1,), 0),
        ((1_000_000,), (1,), 0),
        ((2, 2), (3, 1), 0),
        ((1,), (1,), 4),
        ((2,), (1 << 30,), 0),
        ((2,), (-1,), 1),
    ],
)
def test_memory_beyond_a_storage_is_never_touched(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> None:
    with pytest.raises(Unreadable, match="beyond its storage"):
        Memory(lambda: bytes(16)).unseen([_view(shape, strides, offset)])


def test_what_no_tensor_shows_of_a_storage_is_found() -> None:
    data = bytes(range(16))
    views = [_view((1,), (1,), 1), _view((2, 1), (2, 1), 0)]
    assert Memory(lambda: data).unseen(views) == data[12:]
