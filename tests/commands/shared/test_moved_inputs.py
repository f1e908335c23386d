"""A project that was moved finds its inputs below itself, by their bytes."""

from __future__ import annotations

import shutil

import pytest
from flow_project import Project
from small_project import Small

pytestmark = pytest.mark.engine


@pytest.fixture
def with_inputs(small_run: Small) -> Project:
    """A run with an ignored file and an ignored directory as inputs."""
    project = small_run.project
    project.write(".gitignore", "base.tar\n/raw/\n/one.txt\n")
    project.write("raw/deep/a.txt", "a\n")
    project.write("one.txt", "one\n")
    text = (project.top / "config.yaml").read_text()
    project.write("config.yaml", f"{text}  inputs: [raw, one.txt]\n")
    project.write("train.py", "import os; print(open('one.txt').read(), os.listdir('raw'))\n")
    project.commit("inputs")
    said = project("run")
    assert said.code == 0, said.err
    return project


def test_a_project_that_was_moved(with_inputs: Project) -> None:
    project = with_inputs
    moved = project.top.with_name("elsewhere")
    shutil.move(project.top, moved)
    there = Project(moved, project.env)
    said = there("replay", "latest")
    assert said.code == 0, said.err
    assert f"input /work/raw is at {moved}/raw now" in said.err
    shutil.move(moved, project.top)


def test_bytes_decide(with_inputs: Project) -> None:
    project = with_inputs
    moved = project.top.with_name("elsewhere")
    shutil.copytree(project.top, moved, symlinks=True)
    there = Project(moved, project.env)
    project.write("raw/deep/a.txt", "b\n")  # where the run was made, the data went on
    said = there("replay", "latest")
    assert said.code == 0, said.err
    there.write("raw/deep/a.txt", "c\n")
    said = there("replay", "latest~1")
    assert said.code != 0
    assert "raw" in said.err
    assert "has changed" in said.err
