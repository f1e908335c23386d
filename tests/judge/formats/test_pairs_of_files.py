"""The same as `test_pairs`, of containers, tables, pictures and models."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_pairs import wrong

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
}


@pytest.mark.parametrize("kind", COUNTS)
def test_a_change_is_seen_and_another_writer_is_not(tmp_path: Path, kind: str) -> None:
    read, found = wrong(tmp_path, kind, COUNTS[kind])
    assert read >= COUNTS[kind]
    assert not found, f"{len(found)} of {read}\n" + "\n".join(found[:20])


def test_every_format_has_pairs() -> None:
    have = set(COUNTS) | set(test_pairs.COUNTS)
    assert {one.name for one in FORMATS} - have == {"wandb"}  # its library is not a small one
    assert sum(COUNTS.values()) + sum(test_pairs.COUNTS.values()) >= 5000
