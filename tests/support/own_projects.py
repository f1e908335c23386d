"""Projects of a repository, for tests of locks."""

from __future__ import annotations

from pathlib import Path

PROJECT = """\
[project]
name = "My.Project"
version = "1.2"
dependencies = ["alpha"]
[project.optional-dependencies]
train = ["beta"]
[project.scripts]
tool = "my_project.cli:main"
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""


def project(root: Path, folder: str, text: str = PROJECT) -> Path:
    place = root / folder
    (place / "src/my_project").mkdir(parents=True)
    (place / "src/my_project/__init__.py").write_text("")
    (place / "pyproject.toml").write_text(text)
    return place
