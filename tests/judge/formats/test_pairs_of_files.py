"""The same as `test_pairs`, of containers, tables, pictures and models."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_pairs import require_right

from reprobox.judge.formats.registry import FORMATS
from tests.judge.formats import test_pairs

COUNTS = {
    "png": 250,
    "tensorboard": 90,
    "zip": 200,
    "tar": 180,
    "gzip": 120,
    "bzip2": 60,
    "xz": 60,
    "lzma": 60,
    "zlib": 60,
    "hdf5": 260,
    "parquet": 160,
    "arrow": 120,
    "yaml": 330,
    "ipynb": 60,
    "sqlite": 160,
    "onnx": 90,
    "gguf": 120,
    "jpeg": 90,
    "webp": 70,
    "wandb": 10,
}


@pytest.mark.parametrize("kind", COUNTS)
def test_a_change_is_seen_and_another_writer_is_not(tmp_path: Path, kind: str) -> None:
    require_right(tmp_path, kind, COUNTS[kind])


def test_every_format_has_pairs() -> None:
    have = set(COUNTS) | set(test_pairs.COUNTS)
    assert {one.name for one in FORMATS} <= have
    assert sum(COUNTS.values()) + sum(test_pairs.COUNTS.values()) >= 5000
