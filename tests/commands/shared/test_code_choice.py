"""Configs and locks that git hides are named as that, with a command that works as printed."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from flow_project import Project
from small_project import Small

pytestmark = pytest.mark.engine


def next_step(project: Project, words: str) -> None:
    """Types what stands after `next:`."""
    found = re.search(r"next: (.*)", words)
    assert found, words
    subprocess.run(["sh", "-c", found[1]], cwd=project.top, env=project.env, check=True)


def test_an_ignored_config(small_run: Small) -> None:
    project = small_run.project
    project.write(".gitignore", "base.tar\n*.yml\n")
    project.commit("ignore")
    project.write("my config.yml", (project.top / "config.yaml").read_text())
    said = project("run", "my config.yml")
    assert said.code == 125
    assert "Git ignores it (.gitignore:2: *.yml)" in said.err
    next_step(project, said.err)
    assert project("run", "my config.yml").code == 0


def test_an_ignored_lock(small_run: Small) -> None:
    project = small_run.project
    project.git("rm", "-q", "--cached", "reprobox.lock")
    project.write(".gitignore", "base.tar\nreprobox.lock\n")
    project.commit("ignore")
    said = project("run")
    assert said.code == 0
    assert "git ignores it (.gitignore:2: reprobox.lock)" in said.err
    next_step(project, said.err)
    assert "ignores" not in project("run").err
    assert project("run", "--commit", "HEAD").code == 0


def test_a_sparse_checkout_without_the_config(small_run: Small) -> None:
    project = small_run.project
    for name in ("config.yaml", "reprobox.lock", "base.tar"):
        (project.top / "exp").mkdir(exist_ok=True)
        (project.top / name).rename(project.top / "exp" / name)
    project.write(".gitignore", "base.tar\n")
    project.write("exp/train.py", "print('here')\n")
    project.write("other/x", "")
    project.commit("move")
    assert project("run", "exp/config.yaml").code == 0
    archive = (project.top / "exp/base.tar").read_bytes()
    project.git("sparse-checkout", "set", "other")
    said = project("run", "exp/config.yaml")
    assert "this sparse checkout omits it" in said.err
    (project.top / "exp").mkdir()  # git has removed the ignored file with the directory
    (project.top / "exp/base.tar").write_bytes(archive)
    assert project("run", "exp/config.yaml", "--commit", "HEAD").code == 0
    next_step(project, said.err)
    assert project("run", "exp/config.yaml").code == 0
    shutil.copy(project.top / "exp/reprobox.lock", project.top)
