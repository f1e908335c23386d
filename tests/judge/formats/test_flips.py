"""A changed byte is never overlooked, and whatever a file holds, its reader ends with a sentence: a
sample here, every byte by `make mutate`.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from reader_flips import LIBRARIES, Change, Small, damage, flips, judged, offsets, small_files

from tests.judge.formats import test_pairs, test_pairs_of_files

KINDS = sorted({*test_pairs.COUNTS, *test_pairs_of_files.COUNTS})


def _small(kind: str) -> Small:
    """The smallest file of a format."""
    return next(file for file in small_files(*KINDS) if file.kind == kind)


@pytest.mark.parametrize("kind", KINDS)
def test_no_changed_byte_is_overlooked(tmp_path: Path, kind: str) -> None:
    file, chance = _small(kind), random.Random(kind)
    count = 40 if kind in LIBRARIES else 150
    changes = flips(file.data, offsets(len(file.data), count, chance), chance)
    found = judged(tmp_path, file, changes)
    assert not found.wrong, f"{found.wrong[:20]} of {len(file.data)}"
    assert found.different + found.not_checked > 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_not_checked_or_different(tmp_path: Path, kind: str) -> None:
    file = _small(kind)
    count = 20 if kind in LIBRARIES else 60
    found = judged(tmp_path, file, damage(file.data, count, random.Random(kind)))
    assert not found.wrong, f"{found.wrong[:20]} of {len(file.data)}"
    assert found.different + found.not_checked > 10


OVERLOOKED = (
    ("pickle", b"numpy._core", b"numpy._kore"),
    ("pickle", b"dtype", b"dtypo"),
    ("joblib", b"numpy_pickle", b"numpy_pickli"),
    ("joblib", b"ndarray", b"ndarrax"),
    ("joblib", b"order", b"ordur"),
    ("joblib", b"\x8c\1o\x94h\4)\x81", b"\x8c\1o\x94h\4\x89\x81"),
    ("pickle", b"\np45\n", b"\np-5\n"),
    ("torch-legacy", b"K\1\x85q+K\1", b"K\1\x85q+C\1"),
    ("pickle", b"\x80\2}q\0(X", b"\x80\3}q\0(X"),
    ("torch-legacy", b"ctorch\nFloat", b"cuorch\nFloat"),
    ("torch-legacy", b"\3\0\0\0cpu", b"\3\0\0\0cpx"),
    ("npy", b"\x20\n", b"\xa0\n"),
    ("wandb", b":W&B\xe1\xbe\0", b":W&B\xe1\xbe\1"),
    ("sqlite", b"indexiruns", b"indexirums"),
)
"""What readers took for equal once: names, modules, classes and numbers that they passed over."""


@pytest.mark.parametrize(("kind", "old", "new"), OVERLOOKED)
def test_what_was_overlooked_once_is_not_equal(
    tmp_path: Path, kind: str, old: bytes, new: bytes
) -> None:
    holding = [file for file in small_files(*KINDS) if file.kind == kind and old in file.data]
    assert holding
    for file in holding:
        place = file.data.index(old)
        found = judged(tmp_path, file, [Change(place, place + len(old), new)])
        assert (found.count, found.different + found.not_checked) == (1, 1), found.wrong
