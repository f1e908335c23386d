"""Apptainer of scripts/setup, with a directory of its own and one small image in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from apptainer_program import on_path
from images_of_our_own import PythonImage, chunks

from reprobox.engine.apptainer.engine import ApptainerEngine


@pytest.fixture(scope="session")
def apptainer_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("apptainer")


@pytest.fixture
def apptainer(apptainer_root: Path, monkeypatch: pytest.MonkeyPatch) -> ApptainerEngine:
    monkeypatch.setenv("PATH", on_path())
    return ApptainerEngine(apptainer_root)


@pytest.fixture(scope="session")
def image(apptainer_root: Path, python_archive: Callable[[str], tuple[bytes, str]]) -> PythonImage:
    """The image with this interpreter, unpacked."""
    tag = "reprobox-tests/python:apptainer"
    data, python = python_archive(tag)
    ApptainerEngine(apptainer_root).load(chunks(data))
    return PythonImage(tag, python)
