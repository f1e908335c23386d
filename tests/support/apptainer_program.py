"""Where the tests' Apptainer is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BIN = Path(__file__).parents[2] / ".tools/apptainer/usr/bin"


def on_path() -> str:
    """PATH with Apptainer first. Without one the tests that need it fail: a suite that skips them
    proves nothing. Only where set-up tried and the mirror has none are they skipped.
    """
    missing = BIN.parents[2] / "apptainer.missing"
    if missing.exists():
        pytest.skip(missing.read_text().strip())
    if not (BIN / "apptainer").exists():
        pytest.fail("These tests need Apptainer: scripts/setup --apptainer", pytrace=False)
    return f"{BIN}:{os.environ['PATH']}"
