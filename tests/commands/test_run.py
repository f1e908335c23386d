"""The main path: lock, build, run, replay, and what each leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_project import Project

pytestmark = pytest.mark.engine


def test_a_run_replays_bit_for_bit_and_leaves_evidence(project: Project) -> None:
    record = project.run()
    outputs = {file["path"]: file for file in project("show", "--json").json["outputs"]}
    assert sorted(outputs) == ["model.bin", "results/metrics.json"]
    said = project("replay", "latest", "--json")
    assert said.code == 0, said.err
    verdict = said.json
    assert verdict["result"] == "identical"
    assert {file["path"]: file["state"] for file in verdict["files"]} == dict.fromkeys(
        outputs, "identical"
    )
    assert verdict["stdout_equal"] is True
    replayed = project("show", "latest", "--json").json
    assert replayed["record"]["intent"]["replay_of"] == record["id"]
    assert replayed["record"]["intent"]["parent_record"] == verdict["left_record"]
    assert [row["result"] for row in project("show", record["id"], "--json").json["replays"]] == [
        "identical"
    ]


def test_the_record_says_what_was_asked_and_what_was_met(project: Project) -> None:
    project.git("remote", "add", "origin", "https://user:secret@example.invalid/x.git")
    record = project.run("scale=5", "--name", "fives", "--tag", "a")["record"]
    intent = record["intent"]
    asked = intent["runspec"]
    assert asked["commit"] == project.git("rev-parse", "HEAD")
    assert asked["tree"] == project.git("rev-parse", "HEAD^{tree}")
    assert (intent["name"], intent["tags"], intent["overrides"]) == ("fives", ["a"], ["scale=5"])
    assert intent["config"]["scale"] == 5
    assert intent["source"]["branch"] == "main"
    assert intent["source"]["remote"] == "https://example.invalid/x.git"
    assert intent["source"]["author"] == "A Researcher <a@example.invalid>"
    lock = json.loads((project.top / "reprobox.lock").read_text())
    assert asked["image"] == lock["image"]["config"] == intent["image"]["config"]
    assert intent["image"]["manifest"] == lock["image"]["manifest"]
    assert [pin["path"] for pin in asked["inputs"]] == ["/work/data/numbers.txt"]
    assert asked["network"] == "none"
    assert record["exit"] == {"code": 0, "reason": "exited", "signal": None, "message": ""}
    assert record["met"]["cpu"]["flags"]
    assert record["met"]["kernel"]
    assert record["met"]["gpus"] == []
    assert intent["engine"]["version"]
    assert any("python3.11" in name for name in json.dumps(record["met"]["packages"]).split('"'))
    assert record["duration"] > 0
    path = Path(project("show", "--json").json["path"])
    assert json.loads((path / "outputs/results/metrics.json").read_bytes())["sum"] == 30
    assert (path / "stdout").read_bytes() == b"sum 30\n"
    assert (path / "stderr").read_bytes() == b"careful\n"


def test_the_identity_is_of_what_was_asked(project: Project) -> None:
    first, second, other = project.run(), project.run(), project.run("scale=4")
    identity = [run["record"]["intent"]["identity"] for run in (first, second, other)]
    assert identity[0] == identity[1] != identity[2]


def test_replay_starts_at_the_record_alone(project: Project) -> None:
    project.git("checkout", "-q", "-b", "short-lived")
    project.write("train.py", "open('only.txt', 'w').write('short-lived')")
    project.commit()
    project.run("scale=9")
    project.git("checkout", "-q", "main")
    project.git("branch", "-q", "-D", "short-lived")
    for name in ("config.yaml", "reprobox.lock", "train.py"):
        (project.top / name).unlink()
    shutil.rmtree(project.top / "data")
    project.write("untracked", "dirt")
    project.git("reflog", "expire", "--expire=now", "--all")
    project.git("gc", "-q", "--prune=now")
    said = project("replay", "latest", "--json")
    assert said.code == 0, said.err
    assert [file["path"] for file in said.json["files"]] == ["only.txt"]


def test_a_run_that_depends_on_time_is_told_apart(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change(
        "train.py",
        "import time, os\nopen('same', 'w').write('x')\nopen('when', "
        "'w').write(str(time.time_ns()))\n"
        "open(f'file-{time.time_ns()}', 'w').write('y')\n",
    )
    project.run()
    said = project("replay", "--json")
    assert said.code == 1, said.err
    states = [file["state"] for file in said.json["files"]]
    assert sorted(states) == ["different", "identical", "same-bytes-renamed"]
    assert project("diff", "latest~1", "latest").code == 1
    assert "different" in project("replay", "latest").out


def test_the_exit_code_is_passed_through_and_recorded(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", "import sys; open('partial', 'w').write('p'); sys.exit(37)")
    record = project.run(code=37)["record"]
    assert record["exit"]["code"] == 37
    said = project("replay", "--json")
    assert (said.code, said.json["result"]) == (0, "identical")


def test_a_changed_file_of_the_commit_is_an_output_and_the_tree_is_untouched(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change(
        "train.py",
        "open('data/more.txt', 'w').write('m'); open('notes.md', 'a').write('appended'); import "
        "os; os.remove('gone.md')",
    )
    project.write("notes.md", "before ")
    project.write("gone.md", "x")
    project.commit()
    project.run()
    outputs = [file["path"] for file in project("show", "--json").json["outputs"]]
    assert outputs == ["data/more.txt", "notes.md"]
    assert (project.top / "notes.md").read_text() == "before "
    assert project.git("status", "--porcelain") == ""


def test_inputs_are_read_only_and_the_run_is_hermetic(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change(
        "train.py",
        """
import json, os, socket
facts = {}
def attempt(name, action):
    try:
        action(); facts[name] = "allowed"
    except OSError as error:
        facts[name] = type(error).__name__
attempt("input", lambda: open("data/numbers.txt", "a").write("4"))
attempt("root", lambda: open("/usr/x", "w"))
attempt("network", lambda: socket.create_connection(("192.0.2.1", 80), 1))
attempt("tmp", lambda: open("/tmp/x", "w"))
attempt("home", lambda: open(os.path.expanduser("~/x"), "w"))
facts["host"] = socket.gethostname()
facts["uid"] = os.getuid()
facts["env"] = sorted(os.environ)
facts["caps"] = [line for line in open("/proc/self/status") if line.startswith(("CapEff", "NoNewPrivs"))]
json.dump(facts, open("facts.json", "w"))
""",
    )
    record = project.run()
    facts = json.loads((Path(record["path"]) / "outputs/facts.json").read_bytes())
    assert (facts["input"], facts["root"], facts["network"]) == ("OSError", "OSError", "OSError")
    assert (facts["tmp"], facts["home"], facts["host"]) == ("allowed", "allowed", "reprobox")
    assert facts["caps"] == ["CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"]
    assert not {"REPROBOX_HOME", "DOCKER_HOST"} & set(facts["env"])
    asked = record["record"]["intent"]["runspec"]["env"]
    image_env = (
        {"PATH"} | {"PWD", "HOSTNAME"} | set(record["record"]["intent"]["lock"]["image_env"])
    )
    assert set(facts["env"]) <= set(asked) | image_env


def test_build_is_a_no_op_when_nothing_changed(project: Project) -> None:
    first = project("build", "--json")
    again = project("build", "--json")
    assert first.json["config"] == again.json["config"]
    assert again.json["how"] == "found"
    assert project.git("status", "--porcelain") == ""


def test_lock_is_fresh_until_the_intent_changes(project: Project) -> None:
    before = (project.top / "reprobox.lock").read_bytes()
    assert project("lock", "--locked").code == 0
    assert project("lock", "--json").json["changed"] is False
    assert (project.top / "reprobox.lock").read_bytes() == before
    text = (project.top / "config.yaml").read_text()
    project.write(
        "config.yaml",
        text.replace('python: "3.11"', 'python: "3.11"\n    env: {EXTRA: yes-please}'),
    )
    said = project("lock", "--locked")
    assert said.code == 21
    assert "next: reprobox lock" in said.err
