"""A changed byte is never overlooked: a sample here, every byte by `make mutate`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from reader_flips import LIBRARIES, flipped, offsets
from reader_pairs import pairs

from tests.judge.formats import test_pairs, test_pairs_of_files

KINDS = sorted({*test_pairs.COUNTS, *test_pairs_of_files.COUNTS})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_no_changed_byte_is_overlooked(tmp_path: Path, kind: str) -> None:
    pair = next(pairs(tmp_path / "pairs", kind, 1))
    data, chance = pair.paths[0].read_bytes(), random.Random(kind)
    count = 30 if kind in LIBRARIES else 150
    found = flipped(tmp_path, kind, pair.name, data, offsets(len(data), count, chance), chance)
    assert not found.wrong, f"bytes {found.wrong[:20]} of {len(data)}"
    assert found.different + found.not_checked > 20
