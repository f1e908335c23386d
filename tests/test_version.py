"""The version is said in one place for the package and in another for its build."""

from __future__ import annotations

import tomllib
from pathlib import Path

import reprobox
from reprobox.version import __version__


def test_the_package_s_version_is_that_of_its_build() -> None:
    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    assert tomllib.loads(project.read_text())["project"]["version"] == __version__
    assert reprobox.__version__ == __version__
