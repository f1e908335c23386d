"""A run leaves this machine in one file, or through a store elsewhere, and is replayed where
nothing of it was ever seen.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_project import Project
from second_engine import SecondEngine

pytestmark = pytest.mark.engine


def elsewhere(project: Project, tmp_path: Path, **env: str) -> Project:
    """An empty directory with an empty home and store: nothing of the project, no repository, and
    no index to fetch from.
    """
    top, home = tmp_path / "elsewhere", tmp_path / "their home"
    top.mkdir()
    home.mkdir()
    offline = {
        "PIP_NO_INDEX": "1",
        "UV_OFFLINE": "1",
        "http_proxy": "http://127.0.0.1:1",
        "https_proxy": "http://127.0.0.1:1",
    }
    kept = {key: value for key, value in project.env.items() if not key.startswith(("PIP_", "UV_"))}
    return Project(
        top, {**kept, **offline, "HOME": str(home), "REPROBOX_HOME": str(home / "store"), **env}
    )


def test_a_bundle_is_replayed_offline_on_an_engine_that_never_saw_the_project(
    project: Project, tmp_path: Path, second_engine: Callable[..., SecondEngine]
) -> None:
    outside = tmp_path / "data.csv"
    outside.write_text("1,2\n3,4\n")
    tree = tmp_path / "tree of inputs"
    (tree / "inner").mkdir(parents=True)
    (tree / "inner" / "x").write_text("x")
    (tree / "link").symlink_to("inner/x")
    inputs = {
        "data/numbers.txt": "data/numbers.txt",
        "data/far.csv": str(outside),
        "deep": str(tree),
    }
    config = (
        (project.top / "config.yaml").read_text().replace("[data/numbers.txt]", json.dumps(inputs))
    )
    project.write("config.yaml", config)
    project.commit("inputs from outside")
    run = project.run()["id"]
    bundle = tmp_path / "result.rbx"
    said = project("export", run, "-o", str(bundle))
    assert said.code == 0, said.err
    assert "lock" in said.err
    outside.unlink()
    shutil.rmtree(tree)
    engine = second_engine()
    there = elsewhere(project, tmp_path, DOCKER_HOST=engine.url)
    came = there("import", str(bundle))
    assert (came.code, came.out.strip()) == (0, run), came.err
    replayed = there("replay", run, "--json")
    assert replayed.code == 0, replayed.err
    assert there("verify", run).code == 0
    assert there("import", str(bundle)).code == 0
    again = there("export", run, "-o", str(tmp_path / "again.rbx"))
    assert again.code == 0, again.err


def test_a_commit_that_was_rebased_away_goes_into_a_repository_that_has_another_history(
    project: Project, tmp_path: Path
) -> None:
    run = project.run()["id"]
    commit = project.git("rev-parse", "HEAD")
    assert project("export", run, "-o", str(tmp_path / "b"), "--with", "code,outputs").code == 0
    there = elsewhere(project, tmp_path)
    there.env["REPROBOX_HOME"] = project.env["REPROBOX_HOME"]
    there.git("init", "-q")
    there.git(
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@x",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "another history",
    )
    came = there("import", str(tmp_path / "b"))
    assert came.code == 0, came.err
    assert there("replay", run).code == 0
    assert there.git("log", "--oneline").count("\n") == 0
    assert commit not in there.git("rev-list", "--all")
    there.git("fsck", "--strict")
    there.git("gc", "-q")
    assert there("fsck", "--project").code == 0
    (pack,) = (there.top / ".reprobox" / "code.git").rglob("*.pack")
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    said = there("fsck", "--project", "--json")
    assert said.code == 1, said.err
    assert {fault["what"] for fault in said.json[0]["faults"]} == {"code.git"}


def test_a_repository_without_a_commit_begins_with_the_one_that_comes(
    project: Project, tmp_path: Path
) -> None:
    run = project.run()["id"]
    assert project("export", run, "-o", str(tmp_path / "b"), "--with", "code").code == 0
    there = elsewhere(project, tmp_path)
    there.git("init", "-q", "-b", "trunk")
    assert there("ls", "--json").json == []
    for name in ("config.yaml", "reprobox.lock"):
        shutil.copy(project.top / name, there.top)
    said = there("run", "config.yaml")
    assert (said.code, "has no commit yet" in said.err) == (125, True), said.err
    assert "git restore ." in there("import", str(tmp_path / "b")).err
    there.git("restore", ".")
    assert there.git("rev-parse", "trunk") == project.git("rev-parse", "HEAD")
    assert (there.top / "train.py").read_text() == (project.top / "train.py").read_text()
    (there.top / "train.py").unlink()
    # As a death leaves it after the index was written, and after nothing but `git init` was done.
    for index in (True, False):
        there.git("update-ref", "-d", "refs/heads/trunk")
        if not index:
            (there.top / ".git/index").unlink()
        for name in ("config.yaml", "data/numbers.txt", "reprobox.lock"):
            (there.top / name).unlink(missing_ok=True)
        assert there("import", str(tmp_path / "b")).code == 0
        there.git("restore", ".")
        assert there.git("status", "--porcelain", "-uno") == ""


def test_what_somebody_has_staged_for_a_first_commit_stays_theirs(
    project: Project, tmp_path: Path
) -> None:
    run = project.run()["id"]
    assert project("export", run, "-o", str(tmp_path / "b"), "--with", "code").code == 0
    there = elsewhere(project, tmp_path)
    there.git("init", "-q")
    there.write("mine.py", "1\n")
    there.git("add", "mine.py")
    assert there("import", str(tmp_path / "b")).code == 0
    assert there.git("status", "--porcelain", "-uno") == "A  mine.py"
    assert there("show", run, "--json").json["id"] == run
    assert "outputs" in there("verify", run, "--json").json[0]["unchecked"][0]


def test_outputs_that_did_not_come_along_are_not_damage_and_not_whole(
    project: Project, tmp_path: Path
) -> None:
    run = project.run()["id"]
    assert project("export", run, "-o", str(tmp_path / "b"), "--with", "code").code == 0
    there = elsewhere(project, tmp_path)
    assert there("import", str(tmp_path / "b")).code == 0
    assert there("fsck", "--project", "--json").json[0]["faults"] == []
    said = there("verify", run, "--json")
    assert (said.code, said.json[0]["damage"]) == (4, [])
    assert "were not included" in said.json[0]["unchecked"][0]
    (there.top / ".reprobox/runs" / run / "outputs").mkdir()
    assert "outputs/model.bin: missing" in there("verify", run, "--json").json[0]["damage"]


def test_the_same_runs_give_the_same_file_also_after_git_packed_its_objects(
    project: Project, tmp_path: Path
) -> None:
    run = project.run()["id"]
    for name in ("one", "two"):
        said = project("export", run, "-o", str(tmp_path / name), "--with", "code,outputs")
        assert said.code == 0, said.err
        project.git("gc", "-q")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_push_here_and_pull_there(project: Project, tmp_path: Path) -> None:
    run = project.run()["id"]
    store = tmp_path / "a store"
    first = project("push", run, "--to", str(store), "--json")
    assert first.code == 0, first.err
    assert json.loads(first.out)["published"] == [run]
    assert json.loads(project("push", run, "--to", str(store), "--json").out)["blobs"] == 0
    there = elsewhere(project, tmp_path)
    pulled = there("pull", "--from", str(store), run[:20])
    assert (pulled.code, pulled.out.strip()) == (0, run), pulled.err
    assert there("replay", run).code == 0
    assert there("push", "latest", "--to", str(store)).code == 0
    back = project("pull", "--from", str(store), "--json")
    assert len(json.loads(back.out)["published"]) == 1, back.err


def test_a_dry_run_says_the_size_and_writes_nothing(project: Project, tmp_path: Path) -> None:
    run = project.run()["id"]
    said = project("export", run, "-o", str(tmp_path / "b"), "--dry-run")
    assert said.code == 0
    assert "outputs" in said.err
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("export", "latest", "-o", "b", "--with", "everything"), 2),
        (("export", "nobody", "-o", "b"), 50),
        (("import", "not-there"), 2),
        (("import", "config.yaml"), 61),
        (("push", "latest", "--to", "ftp://x/y"), 2),
        (("pull", "--from", "no-store-here"), 52),
    ],
)
def test_what_cannot_be_done_has_its_exit_code(
    project: Project, words: tuple[str, ...], code: int
) -> None:
    project.run()
    said = project(*words)
    assert said.code == code, said.err
    assert "Traceback" not in said.err


def test_a_file_that_is_there_is_not_replaced(project: Project, tmp_path: Path) -> None:
    project.run()
    (tmp_path / "b").write_text("mine")
    assert project("export", "latest", "-o", str(tmp_path / "b"), "--with", "code").code == 2
    assert (tmp_path / "b").read_text() == "mine"
    assert (
        project("export", "latest", "-o", str(tmp_path / "b"), "--with", "code", "--force").code
        == 0
    )


def test_a_bundle_without_code_belongs_into_the_repository_that_has_it(
    project: Project, tmp_path: Path
) -> None:
    run = project.run()
    bundle = tmp_path / "b"
    assert project("export", run["id"], "-o", str(bundle), "--with", "none").code == 0
    there = elsewhere(project, tmp_path)
    said = there("import", str(bundle))
    assert said.code == 10
    assert "the code was not included, and no repository here could have it" in said.err
    assert f"run {run['id']}: commit {run['record']['intent']['source']['commit']}" in said.err
    assert "next: import it in a clone" in said.err
    assert list(there.top.iterdir()) == []
    project.git("clone", "-q", ".", str(there.top / "clone"))
    clone = Project(there.top / "clone", there.env)
    assert clone("import", str(bundle)).code == 0
    assert clone.runs() == [run["id"]]
