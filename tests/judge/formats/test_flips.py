"""A changed byte is never overlooked, and whatever a file holds, its reader ends with a sentence: a
sample here, every byte by `make mutate`.
"""

from __future__ import annotations

import functools
import random
import tempfile
from pathlib import Path

import pytest
from reader_flips import LIBRARIES, damage, flips, judged, offsets
from reader_pairs import pairs

from tests.judge.formats import test_pairs, test_pairs_of_files

KINDS = sorted({*test_pairs.COUNTS, *test_pairs_of_files.COUNTS})
pytestmark = pytest.mark.filterwarnings("ignore")


@functools.cache
def _small(kind: str) -> tuple[str, bytes]:
    """Name and bytes of a small file."""
    with tempfile.TemporaryDirectory() as directory:
        pair = next(pairs(Path(directory), kind, 1))
        return pair.name, pair.paths[0].read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_no_changed_byte_is_overlooked(tmp_path: Path, kind: str) -> None:
    name, data = _small(kind)
    chance = random.Random(kind)
    count = 12 if kind in LIBRARIES else 150
    changes = flips(data, offsets(len(data), count, chance), chance)
    found = judged(tmp_path, kind, name, data, changes)
    assert not found.wrong, f"bytes {found.wrong[:20]} of {len(data)}"
    assert found.different + found.not_checked > 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_not_checked_or_different(tmp_path: Path, kind: str) -> None:
    name, data = _small(kind)
    count = 8 if kind in LIBRARIES else 60
    found = judged(tmp_path, kind, name, data, damage(data, count, random.Random(kind)))
    assert not found.wrong, f"changed at {found.wrong[:20]} of {len(data)}"
    assert found.different + found.not_checked > 10
