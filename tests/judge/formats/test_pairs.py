"""Of each format: a change is never equal, and the same value by another writer always is.

The files come from the real libraries (`pairs_program`), which this interpreter need not have.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_pairs import require_right

COUNTS = {
    "json": 400,
    "jsonl": 160,
    "csv": 320,
    "tsv": 90,
    "text": 60,
    "npy": 170,
    "npz": 170,
    "safetensors": 170,
    "pickle": 340,
    "joblib": 140,
    "torch": 230,
    "torch-legacy": 230,
}


@pytest.mark.parametrize("kind", COUNTS)
def test_a_change_is_seen_and_another_writer_is_not(tmp_path: Path, kind: str) -> None:
    require_right(tmp_path, kind, COUNTS[kind])
