"""Files that the real trackers wrote (make.py)."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

FILES = Path(__file__).with_name("files.tar.xz")


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("trackers")
    with tarfile.open(FILES) as archive:
        archive.extractall(top, filter="data")
    return top
