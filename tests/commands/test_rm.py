"""rm: refuses what another run needs, and can be undone until gc."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from flow_project import Project
from harness_runs import NOW, a_finished_run, a_runspec

from reprobox.model.runspec import InputPin
from reprobox.store.project import open_project
from reprobox.store.runs import Runs

COMMIT = "refs/reprobox/"


@pytest.fixture
def stocked(bare_project: Project) -> tuple[Project, Runs, str, str]:
    """A project with a run, and one that reads its outputs."""
    runs = open_project(bare_project.top)
    head = bare_project.git("rev-parse", "HEAD").strip()
    first = a_finished_run(runs, name="first")
    pin = InputPin(
        path="/work/model",
        source=f"{runs.folder}/{first}/outputs/model",
        kind="file",
        digest="sha256:" + "1" * 64,
        size=1,
    )
    second = a_finished_run(runs, now=NOW + 1, runspec=a_runspec(inputs=(pin,)))
    for run_id in (first, second):
        bare_project.git("update-ref", COMMIT + run_id, head)
    return bare_project, runs, first, second


def test_what_another_run_needs_is_refused_and_named(
    stocked: tuple[Project, Runs, str, str],
) -> None:
    project, runs, first, second = stocked
    for words in (("rm", "first"), ("rm", first, "--json")):
        said = project(*words)
        assert said.code == 55
        assert f"run {second}: input /work/model is an output of {first}" in said.err
    assert runs.ids() == [first, second]
    shown = project("rm", first, "--dry-run", "--json")
    assert (shown.code, shown.json["runs"][0]["readers"][0]["id"]) == (0, second)
    assert shown.json["runs"][0]["removed"] is False
    assert runs.ids() == [first, second]


def test_both_together_are_removed_and_brought_back(
    stocked: tuple[Project, Runs, str, str],
) -> None:
    project, runs, first, second = stocked
    said = project("rm", first, second)
    assert (said.code, runs.ids()) == (0, [])
    assert f"undo: reprobox rm --undo {first}" in said.err
    listed = project("rm", "--trash", "--json").json
    assert {one["id"]: one["name"] for one in listed} == {first: "first", second: None}
    assert project("ls", "--json").json == []
    assert project("rm", "--undo", "first", second[:20], "--json").code == 0
    assert runs.ids() == [first, second]
    assert project("fsck", "--project").code == 0
    again = project("rm", "--undo", first)
    assert (again.code, "no removed run matches" in again.err) == (50, True)


def test_force_removes_and_gc_deletes_with_the_ref(
    stocked: tuple[Project, Runs, str, str],
) -> None:
    project, runs, first, second = stocked
    said = project("rm", first, "--force", "--json")
    assert said.json["runs"][0]["removed"] is True
    assert COMMIT + first in project.git("for-each-ref")
    young = project("gc", "--project", "--yes", "--json").json[0]
    assert young["removed_runs"] == []
    planned = project("gc", "--project", "--keep-removed", "0", "--json").json[0]
    assert [one["id"] for one in planned["removed_runs"]] == [first]
    assert list(runs.removed()) == [first]
    done = project("gc", "--project", "--keep-removed", "0", "--yes", "--json").json[0]
    assert done["freed"] >= planned["removed_runs"][0]["size"] > 0
    assert (runs.removed(), runs.ids()) == ({}, [second])
    refs = project.git("for-each-ref")
    assert COMMIT + first not in refs
    assert COMMIT + second in refs
    assert project("gc", "--keep-removed", "soon").code == 2


@pytest.mark.parametrize(("answer", "left"), [(b"n\n", 2), (b"y\n", 1)])
def test_on_a_terminal_it_asks(
    stocked: tuple[Project, Runs, str, str], answer: bytes, left: int
) -> None:
    project, runs, first, _ = stocked
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "rm", first],
        cwd=project.top,
        env=project.env,
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.DEVNULL,
    )
    os.close(theirs)
    os.write(ours, answer)
    said = b""
    try:
        while data := os.read(ours, 4096):
            said += data
    except OSError:
        pass  # Linux answers EIO once the other end is closed
    os.close(ours)
    assert child.wait() == (55 if left == 2 else 0)
    assert b"Remove anyway?" in said
    assert len(runs.ids()) == left


def test_no_run_is_a_usage_error(bare_project: Project) -> None:
    said = bare_project("rm")
    assert (said.code, "reprobox ls" in said.err) == (2, True)
    assert Path(bare_project.top).is_dir()
