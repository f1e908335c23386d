"""npz: arrays by name, and nothing else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_contents import content_of, plain, rest

from reprobox.judge.leaves import Unreadable


def saved(pack: Any = np.savez, **arrays: Any) -> bytes:
    out = io.BytesIO()
    pack(out, **arrays)
    return out.getvalue()


def test_packing_is_not_content(tmp_path: Path) -> None:
    arrays = {"w": np.arange(3), "layer/b": np.ones(2)}
    found = [
        content_of(tmp_path, "a.npz", saved(way, **arrays))
        for way in (np.savez, np.savez_compressed)
    ]
    assert plain(found[0]) == plain(found[1]) == {"w": [0, 1, 2], "layer/b": [1, 1]}
    assert [rest(one) for one in found] == [[], []]


def test_another_ending_is_a_zip_of_members(tmp_path: Path) -> None:
    assert content_of(tmp_path, "a.zip", saved(w=np.arange(3))).format == "zip"


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("notes.txt", b"text", "not an array: notes.txt"),
        ("w.npy", None, "something behind its array: w.npy"),
    ],
)
def test_a_member_that_is_not_one_array_is_refused(
    tmp_path: Path, name: str, data: bytes | None, why: str
) -> None:
    array = io.BytesIO()
    np.save(array, np.arange(2))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data if data is not None else array.getvalue() + b"x")
    with pytest.raises(Unreadable, match=why):
        content_of(tmp_path, "a.npz", out.getvalue())
