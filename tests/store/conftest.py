"""Fixtures of the store's tests; the harness modules beside this file become importable."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.store.objects import ObjectStore
from reprobox.store.project import open_project
from reprobox.store.runs import Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return open_project(tmp_path)


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "shared")
