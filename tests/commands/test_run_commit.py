"""Any commit is run as it is, with its own config and lock; HEAD and work tree stay as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flow_project import Project
from small_project import Small

pytestmark = pytest.mark.engine
TRAIN = "import sys\nprint(open('data/numbers.txt').read().split())\nsys.exit({code})\n"


@pytest.fixture
def history(small_run: Small) -> tuple[Project, list[str]]:
    """Four commits; the program fails from the third on, and the input changes in each."""
    project = small_run.project
    text = (project.top / "config.yaml").read_text()
    project.write("config.yaml", f"{text}  inputs: [data]\n")
    commits = []
    for number in range(4):
        project.write("train.py", TRAIN.format(code=int(number >= 2)))
        project.write("data/numbers.txt", f"{number}\n")
        project.write(f"data/of-{number}.txt", "")
        commits.append(project.commit(str(number)))
        (project.top / f"data/of-{number}.txt").unlink()
    project.git("checkout", "-q", "data")
    return project, commits


def state(project: Project) -> tuple[str, str, str]:
    return (
        project.git("rev-parse", "--symbolic-full-name", "HEAD"),
        project.git("rev-parse", "HEAD"),
        project.git("status", "--porcelain"),
    )


def test_a_commit_runs_while_the_work_tree_is_edited(
    history: tuple[Project, list[str]],
) -> None:
    project, commits = history
    project.write("config.yaml", "not: {a config\n")
    project.write("data/numbers.txt", "edited\n")
    project.write("new.py", "")
    before = state(project)
    for name, commit in (
        ("HEAD~3", commits[0]),
        ("main~2", commits[1]),
        (commits[0][:9], commits[0]),
    ):
        said = project("run", "config.yaml", "--json", "--commit", name)
        assert said.code == 0, said.err
        record = said.json["record"]
        source = record["intent"]["source"]
        assert (source["commit"], source["snapshot"], source["branch"]) == (commit, False, None)
        assert f"['{commits.index(commit)}']" in project("logs", "latest").out
        assert [pin["tracked"] for pin in record["intent"]["runspec"]["inputs"]] == [True]
    assert state(project) == before
    said = project("replay", "latest")
    assert said.code == 0, said.err


def test_the_branch_of_a_commit_is_the_one_that_was_named(
    history: tuple[Project, list[str]],
) -> None:
    project, commits = history
    project.git("branch", "old", commits[1])
    for name, branch in (("old", "old"), ("HEAD", "main"), ("main", "main"), (commits[3], None)):
        said = project("run", "--json", "--commit", name)
        assert said.json["record"]["intent"]["source"]["branch"] == branch
    assert "on old" in project("show", "latest~3").out


def test_detached_and_from_a_directory_below(history: tuple[Project, list[str]]) -> None:
    project, commits = history
    said = project("run", "-d", "../config.yaml", "--commit", commits[0], cwd=project.top / "data")
    assert said.code == 0, said.err
    shown = project("show", said.out.strip(), "--json").json
    assert shown["id"] == said.out.strip()


def test_what_a_commit_cannot_run_is_named(
    history: tuple[Project, list[str]], tmp_path: Path
) -> None:
    project, _ = history
    project.env["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    said = project("run", "--commit", "nowhere")
    assert (said.code, "nowhere" in said.err) == (125, True)
    said = project("run", "other.yaml", "--commit", "HEAD")
    assert "has no file other.yaml" in said.err
    first = project.git("rev-list", "--max-parents=0", "HEAD")
    said = project("run", "--commit", first)
    assert "reprobox.lock" in said.err
    assert "next: git log --oneline -- reprobox.lock" in said.err
    assert project.git("log", "--oneline", "--", "reprobox.lock")
    assert "exclude each other" in project("run", "--commit", "HEAD", "--snapshot").err
    assert not list((tmp_path / "tmp").glob("reprobox-commit-*"))


def test_git_bisect_run(history: tuple[Project, list[str]]) -> None:
    project, commits = history
    project.git("bisect", "start", "HEAD", commits[0])
    done = subprocess.run(
        ["git", "bisect", "run", sys.executable, "-m", "reprobox.cli.main", "run", "config.yaml"],
        cwd=project.top,
        env=project.env,
        capture_output=True,
        check=False,
        text=True,
    )
    assert f"{commits[2]} is the first bad commit" in done.stdout, done.stderr
    project.git("bisect", "reset")
