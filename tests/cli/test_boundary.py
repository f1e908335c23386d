"""Bad input: a clear error that says what to do, an exit code of its own, and nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_project import Project

pytestmark = pytest.mark.engine


def refused(project: Project, *words: str, code: int, says: str, **env: str) -> str:
    """The command fails with this code, one error and a next step, and leaves no run."""
    before = project.runs() if (project.top / ".git").exists() and "DOCKER_HOST" not in env else []
    said = project(*words, **env)
    assert said.code == code, (said.code, said.err)
    assert says in said.err, said.err
    assert "next: " in said.err
    assert "Traceback" not in said.err
    if (project.top / ".git").exists() and "DOCKER_HOST" not in env:
        assert project.runs() == before
    return said.err


def test_not_a_repository(project: Project) -> None:
    (project.top / ".git").rename(project.top.parent / "git-away")
    refused(project, "run", "config.yaml", code=125, says="git repository")
    refused(project, "ls", code=10, says="git repository")


def test_no_commit_yet(tmp_path: Path, base_env: dict[str, str]) -> None:
    project = Project(tmp_path, base_env)
    project.git("init", "-q")
    project.write(
        "config.yaml", "reprobox: {command: 'true', environment: {base: 'debian:bookworm'}}\n"
    )
    said = project("run", "config.yaml")
    assert said.code == 125
    assert "commit" in said.err


def test_before_the_first_run_and_the_first_commit_there_is_nothing_to_list(
    tmp_path: Path, base_env: dict[str, str]
) -> None:
    project = Project(tmp_path, base_env)
    project.git("init", "-q")
    said = project("ls")
    assert (said.code, said.out) == (0, "")
    assert "no runs yet; next: reprobox run" in said.err
    assert project("ls", "--json").json == []
    assert "no runs match these filters" in project("ls", "--since", "1d").err
    refused(project, "show", code=50, says="This project has no runs yet.")
    assert project("fsck", "--project").code == 0


def test_a_tree_that_is_not_clean_is_refused_with_every_reason(project: Project) -> None:
    project.write("train.py", "changed")
    project.write("new file.txt", "new")
    project.git("add", "new file.txt")
    project.write("loose.txt", "untracked")
    said = refused(project, "run", "config.yaml", code=125, says="3 reasons")
    for path in ("train.py", "new file.txt", "loose.txt"):
        assert path in said
    assert "--snapshot" in said


def test_a_snapshot_takes_the_tree_as_it_is_and_touches_nothing(project: Project) -> None:
    project.write("train.py", "open('out', 'w').write(open('loose.txt').read())")
    project.write("loose.txt", "untracked")
    status, head = project.git("status", "--porcelain"), project.git("rev-parse", "HEAD")
    record = project.run("--snapshot")
    assert (project.git("status", "--porcelain"), project.git("rev-parse", "HEAD")) == (
        status,
        head,
    )
    assert record["record"]["intent"]["source"]["snapshot"] is True
    assert (Path(record["path"]) / "outputs/out").read_text() == "untracked"
    (project.top / "loose.txt").unlink()
    assert project("replay").code == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("reprobox: [", "YAML"),
        ("reprobox: {comand: x}\n", "command"),
        (
            "reprobox:\n  command: x\n  environment: {base: 'debian:bookworm'}\n  seed: many\n",
            "seed",
        ),
        ("a: 1\na: 2\n", "a"),
        ("", "reprobox"),
    ],
)
def test_a_config_that_is_wrong(
    project: Project, change: Callable[[str, str], str], text: str, says: str
) -> None:
    change("config.yaml", text)
    refused(project, "run", "config.yaml", code=125, says=says)


def test_a_missing_config_and_an_unknown_override(project: Project) -> None:
    refused(project, "run", "nothing.yaml", code=125, says="nothing.yaml")
    refused(project, "build", "nothing.yaml", code=12, says="nothing.yaml")
    refused(project, "run", "config.yaml", "scael=2", code=125, says="scale")


def test_lock_missing_stale_newer_or_edited(project: Project) -> None:
    path = project.top / "reprobox.lock"
    text = path.read_text()
    path.unlink()
    project.commit()
    refused(project, "run", "config.yaml", code=125, says="lock file not found")
    refused(project, "build", "config.yaml", code=20, says="lock file not found")
    path.write_text(text.replace("reprobox.lock/1", "reprobox.lock/99"))
    refused(project, "build", "config.yaml", code=26, says="newer")
    path.write_text(text.replace('"linux/amd64"', '"linux/arm64"'))
    refused(project, "build", "config.yaml", code=22, says="reprobox.lock")
    path.write_text("{")
    refused(project, "build", "config.yaml", code=22, says="reprobox.lock")
    path.write_text(text)
    project.write("config.yaml", (project.top / "config.yaml").read_text().replace("3.11", "3.12"))
    project.commit()
    refused(project, "run", "config.yaml", code=125, says="reprobox lock")


def test_what_is_named_can_be_typed_where_one_stands(project: Project) -> None:
    """In a subdirectory paths relative to the top would be of files that are not there."""
    below = project.top / "data"
    said = project("run", "../config.yaml", cwd=below)
    assert said.code == 0, said.err
    assert f"in {project.top}/.reprobox/runs/" in said.err
    assert "in .reprobox/runs/" in project("run").err
    project.write(
        "config.yaml",
        (project.top / "config.yaml")
        .read_text()
        .replace("  inputs:", "    apt: [libgomp1]\n  inputs:"),
    )
    project.commit()
    said = project("build", "../config.yaml", cwd=below)
    assert (said.code, said.err.splitlines()[-1]) == (
        21,
        "next: reprobox lock ../config.yaml, then commit ../reprobox.lock",
    )
    (project.top / "reprobox.lock").unlink()
    assert (
        project("build", "../config.yaml", cwd=below).err.splitlines()[-1]
        == "next: reprobox lock ../config.yaml"
    )


def test_an_engine_that_does_not_answer(project: Project, tmp_path: Path) -> None:
    refused(
        project,
        "run",
        "config.yaml",
        code=125,
        says="engine",
        DOCKER_HOST=f"unix://{tmp_path}/no.sock",
    )
    refused(
        project,
        "build",
        "config.yaml",
        code=40,
        says="engine",
        DOCKER_HOST=f"unix://{tmp_path}/no.sock",
    )


def test_gpus_on_a_machine_without(project: Project) -> None:
    refused(project, "run", "config.yaml", "--gpus", "all", code=125, says="GPU")
    refused(project, "run", "config.yaml", "--gpus", "most of them", code=125, says="most of them")


def test_unknown_and_ambiguous_runs(project: Project) -> None:
    refused(project, "replay", "latest", code=50, says="no run")
    project.run("--name", "twin")
    project.run("--name", "twin")
    ids = project.runs()
    refused(project, "show", "20990101", code=50, says="20990101")
    refused(project, "show", ids[0][:8], code=51, says=ids[0])
    assert project("show", ids[0][:-1], "--json").json["id"] == ids[0]


def test_inputs_missing_or_changed(project: Project, tmp_path: Path) -> None:
    data = tmp_path / "outside data.txt"
    data.write_text("1\n2\n")
    text = (project.top / "config.yaml").read_text()
    project.write(
        "config.yaml", text.replace("[data/numbers.txt]", f"{{data/numbers.txt: '{data}'}}")
    )
    project.git("rm", "-q", "--cached", "data/numbers.txt")
    project.write(".gitignore", "data/\n")
    project.commit()
    run = project.run()
    assert json.loads((Path(run["path"]) / "outputs/results/metrics.json").read_bytes())["sum"] == 9
    data.write_text("1\n2\n4\n")
    said = refused(project, "replay", "latest", code=13, says="changed")
    assert "sha256:" in said
    data.unlink()
    refused(project, "replay", "latest", code=13, says="cannot be read")
    refused(project, "run", "config.yaml", code=125, says="outside data.txt")
    data.write_text("1\n2\n")
    assert project("replay", run["id"]).code == 0


def test_a_command_that_is_not_in_the_image_is_a_record(project: Project) -> None:
    text = (project.top / "config.yaml").read_text()
    project.write(
        "config.yaml", text.replace("[python3, train.py, config.yaml]", "[no-such-program]")
    )
    project.commit()
    said = project("run", "config.yaml")
    assert said.code == 127
    assert "no-such-program" in said.err
    assert project("show", "--json").json["record"]["exit"]["reason"] == "not-found"


def test_a_deleted_image_is_made_again_with_the_same_digest(project: Project) -> None:
    import docker

    project.run()
    image = project("build", "--json").json
    client = docker.from_env()
    client.images.remove(image["tag"], force=True)
    client.close()
    said = project("replay", "--json")
    assert said.code == 0, said.err
    assert project("build", "--json").json == image


def test_hostile_outputs(project: Project, change: Callable[[str, str], str]) -> None:
    change(
        "train.py",
        r"""
import os, socket
os.makedirs("deep/er")
os.symlink("/etc/passwd", "deep/link-out")
os.symlink("../..", "deep/up")
os.mkfifo("pipe")
open(b"stray-\xff", "wb").write(b"1")
open("line\nbreak", "w").write("2")
open("two  spaces ", "w").write("3")
open("setuid", "w").write("4"); os.chmod("setuid", 0o6755)
open("secret", "w").write("5"); os.chmod("secret", 0)
os.mkdir("empty")
for n in range(10000):
    open(f"deep/er/{n}", "w").write(str(n))
""",
    )
    run = project.run()
    shown = project("show", "--json").json
    kinds = {file["path"]: file["kind"] for file in shown["outputs"]}
    assert len(kinds) == 10008
    assert kinds["deep/link-out"] == kinds["deep/up"] == "link"
    assert (
        kinds["stray-\udcff"]
        == kinds["line\nbreak"]
        == kinds["two  spaces "]
        == kinds["secret"]
        == "file"
    )
    assert kinds["empty"] == "dir"
    assert any("pipe" in path for path in run["record"]["outputs"]["refused"])
    outputs = Path(run["path"]) / "outputs"
    assert os.readlink(outputs / "deep/link-out") == "/etc/passwd"
    assert not (outputs / "setuid").stat().st_mode & 0o6000
    assert project("replay").code == 0


def test_a_lock_in_another_directory_is_the_one_that_runs(
    bare_project: Project, locked_text: str
) -> None:
    text = (bare_project.top / "config.yaml").read_text()
    bare_project.write(
        "nested/config.yaml",
        text.replace("  inputs: [data/numbers.txt]\n", "  lock: locks/cpu.lock\n"),
    )
    bare_project.write("nested/train.py", "print(7)\n")
    bare_project.write("nested/locks/cpu.lock", locked_text)
    bare_project.commit()
    said = bare_project("run", "nested/config.yaml")
    assert (said.code, said.out) == (0, "7\n"), said.err


@pytest.mark.parametrize("words", [("--nope",), ("config.yaml", "--preflight", "none")])
def test_a_wrong_word_to_run_is_not_the_experiments_code(
    bare_project: Project, words: tuple[str, ...]
) -> None:
    said = bare_project("run", *words)
    assert said.code == 125
    assert "next: reprobox run --help" in said.err


def test_places_that_are_not_there(bare_project: Project, tmp_path: Path) -> None:
    for words, what in (
        (("-C", "nowhere", "ls"), "nowhere"),
        (("init", "nowhere/config.yaml"), "nowhere/config.yaml"),
    ):
        said = bare_project(*words)
        assert said.code == 2
        assert what in said.err
        assert "next:" in said.err
    gone = tmp_path / "gone"
    script = f'mkdir "{gone}" && cd "{gone}" && rmdir "{gone}" && exec "{sys.executable}" -m reprobox.cli.main ls'
    done = subprocess.run(
        ["sh", "-c", script], env=bare_project.env, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "the current directory" in done.stderr
    assert "bug" not in done.stderr


def test_a_state_that_no_run_can_have(bare_project: Project) -> None:
    said = bare_project("ls", "--state", "bogus")
    assert said.code == 2
    assert "'finished'" in said.err


def test_names_where_the_locale_is_ascii(project: Project) -> None:
    project.run("--name", "Größe")
    said = project("ls", PYTHONIOENCODING="ascii")
    assert said.code == 0, said.err
    assert "Gr\\xf6\\xdfe" in said.out


@pytest.mark.parametrize(
    ("words", "code", "answer", "error"),
    [
        (("run", "nothing.yaml", "--json"), 12, 125, "cannot read the config nothing.yaml"),
        (("show", "nobody", "--json"), 50, 50, "there is no run 'nobody'"),
        (("ls", "--json", "--state", "asleep"), 2, 2, "asleep"),
        (("run", "--json", "--nonsense"), 2, 125, "--nonsense"),
    ],
)
def test_an_error_under_json_is_an_object_too(
    project: Project, words: tuple[str, ...], code: int, answer: int, error: str
) -> None:
    said = project(*words)
    assert said.code == answer
    assert said.err
    assert said.json.keys() == {"code", "error", "exit_code", "next", "why"}
    assert (said.json["code"], said.json["exit_code"]) == (code, answer)
    assert error in said.json["error"]
    assert said.json["next"]
    assert project(*[word for word in words if word != "--json"]).out == ""


def test_a_failure_of_the_machine_under_json_is_an_object_too(project: Project) -> None:
    said = project("show", "--json", REPROBOX_HOME=str(project.top / "config.yaml"))
    assert (said.code, said.json["exit_code"]) == (said.json["code"],) * 2
    assert "Traceback" not in said.err
    assert said.json["error"]


def test_runs_are_listed_by_time_commit_and_what_was_set(project: Project) -> None:
    first, commit = project.run("scale=5", "name=3.10")["id"], project.git("rev-parse", "HEAD")
    project.write("new", "")
    project.commit()
    second = project.run()["id"]

    def listed(*words: str) -> list[str]:
        return [row["id"] for row in project("ls", "--json", *words).json]

    assert (
        listed("--where", "scale=5")
        == listed("--commit", commit[:9])
        == listed("--commit", "HEAD~1")
        == [first]
    )
    assert (
        listed("--where", "name=plain", "--where", "scale=3.0")
        == listed("--commit", "main")
        == [second]
    )
    assert listed("--where", "reprobox.environment.python=3.11", "--since", "1h") == [second, first]
    assert (
        listed("--until", "1h")
        == listed("--since", "2100-01-01")
        == listed("--where", "scale=50")
        == []
    )
    for words, code, says in (
        (("--since", "soon"), 2, "not a date: 'soon'"),
        (("--where", "scale"), 2, "write KEY=VALUE"),
        (("--commit", "nothing"), 14, "nothing"),
    ):
        refused(project, "ls", *words, code=code, says=says)


@pytest.mark.parametrize(
    "name", ["latest", "latest~2", "20261121", "20261121-101112-calm-otter-0001", "", " "]
)
def test_a_name_by_which_no_run_could_be_told(project: Project, name: str) -> None:
    said = project("run", "config.yaml", "--name", name)
    assert (said.code, "no run can be named" in said.err) == (125, True)
    assert project.runs() == []


def test_a_bundle_and_json_do_not_both_go_to_stdout(project: Project) -> None:
    said = project("export", "latest", "-o", "-", "--json")
    assert said.code == 2
    assert "cannot both go to stdout" in said.json["error"]
