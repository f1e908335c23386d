"""A run outlives its supervisor: detached, killed, interrupted, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_project import Project
from waiting_runs import WAITING, begun, containers_alive, go, only_run, supervised, until

pytestmark = pytest.mark.engine


def test_detached_runs_are_listed_followed_and_recorded(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", WAITING)
    said = project("run", "config.yaml", "-d")
    assert said.code == 0, said.err
    run_id = said.out.strip()
    assert project("ls", "--json").json[0]["state"] == "running"
    assert project("rm", run_id).code == 54
    follower = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "logs", "-f", run_id],
        cwd=project.top,
        env=project.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until(lambda: begun(project))
    go(project)
    out, err = follower.communicate(timeout=60)
    assert out == b"begun\n"
    assert f"{run_id}  finished (exit 0)" in err.decode()
    shown = project("show", run_id, "--json").json
    assert (shown["state"], shown["record"]["exit"]["code"]) == ("finished", 0)
    assert [file["path"] for file in shown["outputs"]] == ["data/go", "done"]
    assert (project.top / "config.yaml").exists()


def test_a_killed_supervisor_loses_nothing(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", WAITING)
    process = supervised(project)
    process.kill()
    process.communicate()
    assert project("ls", "--json").json[0]["state"] == "running"
    go(project)
    run_id = only_run(project).name
    until(lambda: project("ls", "--json").json[0]["state"] == "finished")
    record = project("show", run_id, "--json").json["record"]
    assert record["exit"] == {"code": 0, "reason": "exited", "signal": None, "message": ""}
    assert not (only_run(project) / "work").exists()
    import docker

    client = docker.from_env()
    assert client.containers.list(all=True, filters={"label": f"dev.reprobox.run={run_id}"}) == []
    client.close()


def test_sigterm_is_passed_on_and_is_recorded(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", WAITING)
    process = supervised(project)
    os.kill(process.pid, signal.SIGTERM)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 3, err
    assert b"stopping" in err
    shown = project("show", "--json").json
    assert (shown["state"], shown["record"]["exit"]["reason"]) == ("interrupted", "interrupted")
    assert [file["path"] for file in shown["outputs"]] == ["left"]


def test_ctrl_c_arrives_as_an_interrupt(
    project: Project, change: Callable[[str, str], str]
) -> None:
    """What `except KeyboardInterrupt` saves is kept, and its exit 0 is no success."""
    change(
        "train.py",
        "import time\nprint('begun', flush=True)\ntry:\n    time.sleep(600)\n"
        "except KeyboardInterrupt:\n    open('saved', 'w').write('x')\n",
    )
    process = supervised(project)
    os.kill(process.pid, signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130, err
    shown = project("show", "--json").json
    assert (shown["state"], shown["record"]["exit"]["code"]) == ("interrupted", 0)
    assert [file["path"] for file in shown["outputs"]] == ["saved"]


def test_wait_answers_as_run_would_have(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", "import time\ntime.sleep(1)\nraise SystemExit(7)\n")
    run_id = project("run", "config.yaml", "-d").out.strip()
    said = project("wait", run_id, "--json")
    assert said.code == 7, said.err
    assert f"{run_id}  failed (exit 7)" in said.err
    assert [(one["id"], one["exit_code"]) for one in said.json] == [(run_id, 7)]
    assert project("wait", run_id).code == 7
    assert project("wait", "no-such").code == 50


def test_what_a_run_left_that_was_cut_off_promises_nothing(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change(
        "train.py",
        "import time\nfor n in range(20):\n    open('n', 'w').write(str(n))\n    time.sleep(0.2)\n",
    )
    run_id = project("run", "config.yaml", "-d").out.strip()
    until(lambda: (project.top / ".reprobox/runs" / run_id / "work/n").exists())
    assert project("stop", run_id).code == 0
    told = project("replay", run_id)
    assert told.code == 1
    assert "ended from outside (interrupted)" in told.err
    assert "the first was interrupted (exit 143), the second ended with exit 0" in told.out
    assert "forecast did not hold" not in told.out
    assert "not deterministic" not in told.out


def test_a_second_ctrl_c_kills(project: Project, change: Callable[[str, str], str]) -> None:
    change(
        "train.py",
        WAITING.replace(
            "signal.signal(signal.SIGTERM, leave)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
        ),
    )
    process = supervised(project)
    os.kill(process.pid, signal.SIGINT)
    assert process.stderr is not None
    assert b"stopping" in process.stderr.readline()
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 137
    assert project("show", "--json").json["record"]["exit"]["reason"] == "interrupted"


def test_stop_from_elsewhere(project: Project, change: Callable[[str, str], str]) -> None:
    change("train.py", WAITING)
    project("run", "config.yaml", "-d")
    until(lambda: begun(project))
    assert project("stop", "latest").code == 0
    record = project("show", "--json").json["record"]
    assert (record["exit"]["reason"], record["exit"]["code"]) == ("interrupted", 3)
    assert project("stop", "latest").code == 2


def test_a_timeout_is_a_reason_of_its_own(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", WAITING)
    text = (project.top / "config.yaml").read_text()
    change("config.yaml", text + "  timeout: 2\n")
    said = project("run", "config.yaml", "--json")
    assert said.code == 124, said.err
    ended = json.loads(said.out)["record"]["exit"]
    assert (ended["code"], ended["reason"]) == (124, "timeout")
    assert "exited with 3" in ended["message"]


def test_a_time_limit_that_is_answered_with_success_is_none(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", WAITING.replace("sys.exit(3)", "sys.exit(0)"))
    text = (project.top / "config.yaml").read_text()
    change("config.yaml", text + "  timeout: 2\n")
    said = project("run", "config.yaml")
    assert said.code == 124, said.err
    assert "timeout (exit 124)" in said.err
    (row,) = project("ls", "--json", "--state", "timeout").json
    assert (row["state"], row["exit_code"]) == ("timeout", 124)
    assert "finished" not in project("ls").out
    assert project("wait", row["id"]).code == 124
    told = project("replay", row["id"])
    assert "exit 0" not in told.out + told.err


def test_a_timeout_holds_though_nobody_watches(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", WAITING)
    text = (project.top / "config.yaml").read_text()
    change("config.yaml", text + "  timeout: 1\n")
    assert project("run", "config.yaml", "-d").code == 0
    until(lambda: project("ls", "--json").json[0]["state"] == "timeout")
    record = project("show", "--json").json["record"]
    assert (record["exit"]["reason"], record["exit"]["code"]) == ("timeout", 124)
    assert record["intent"]["runspec"]["resources"]["timeout"] == 1


def test_every_command_finishes_what_was_left(
    project: Project, change: Callable[[str, str], str]
) -> None:
    """A detached run has ended, and the first command that is asked about it is none of ls, show
    and stop.
    """
    change("train.py", "open('made', 'w').write('made')\n")
    for words in (
        ("logs",),
        ("replay",),
        ("verify",),
        ("diff", "latest~1"),
        ("run", "config.yaml", "-d"),
    ):
        run_id = project("run", "config.yaml", "-d").out.strip()
        until(lambda: list((project.top / ".reprobox/runs" / run_id).glob("out/exit.json")))  # noqa: B023
        until(lambda: not containers_alive(run_id))  # noqa: B023
        said = project(*words, *([] if words[0] == "run" else [run_id]))
        assert said.code == 0, (words, said.err)
        assert (project.top / ".reprobox/runs" / run_id / "record.json").exists()


def test_a_run_that_cannot_be_finished_keeps_no_other_from_being_seen(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", "print(1)\n")
    odd = project("run", "config.yaml", "-d").out.strip()
    until(lambda: not containers_alive(odd))
    intent = project.top / ".reprobox/runs" / odd / "intent.json"
    whole = intent.read_bytes()
    intent.chmod(0o644)
    intent.write_bytes(whole.replace(b"reprobox.intent/1", b"reprobox.intent/9"))
    (project.top / ".reprobox/index.sqlite").unlink()
    good = project.run()["id"]
    for words in (("show", good), ("ls",), ("replay", good)):
        said = project(*words)
        assert said.code == 0, (words, said.err)
        assert f"run {odd} cannot be finished yet" in said.err
    intent.write_bytes(whole)
    assert project("show", odd, "--json").json["state"] == "finished"


@pytest.mark.parametrize("harm", ["absent", "empty", "torn"])
def test_a_lost_note_of_what_was_laid_out_makes_no_code_an_output(
    project: Project, harm: str
) -> None:
    """After a power cut the note may be any of these; the container has ended with the machine."""
    run_id = project("run", "config.yaml", "-d", "scale=5").out.strip()
    until(lambda: not containers_alive(run_id))
    note = project.top / ".reprobox/runs" / run_id / "exported.jsonl"
    whole = note.read_bytes()
    note.unlink() if harm == "absent" else note.write_bytes(
        b"" if harm == "empty" else whole[: len(whole) // 2]
    )
    shown = project("show", run_id, "--json").json
    assert [file["path"] for file in shown["outputs"]] == ["model.bin", "results/metrics.json"]
    assert project("replay", run_id).code == 0


def test_many_runs_at_a_time(project: Project) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "reprobox.cli.main", "run", "config.yaml", "-q"],
            cwd=project.top,
            env=project.env,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    assert [(process.communicate(timeout=120)[0], process.returncode) for process in processes] == [
        (b"sum 18\n", 0)
    ] * 4
    assert len(project.runs()) == 4


DEEP = """
import os
open("model.bin", "wb").write(b"1")
for _ in range(150):
    os.mkdir("d" * 50)
    os.chdir("d" * 50)
open("deep", "w").write("2")
"""


def test_a_tree_deeper_than_any_path_costs_nothing_but_itself(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", DEEP)
    said = project("run", "config.yaml", "--json")
    assert said.code == 0, said.err
    assert "path too long" in said.err
    (line,) = said.json["record"]["outputs"]["refused"]
    assert line.endswith("/dddd: path too long".replace("dddd", "d" * 50))
    for words in (
        ("ls",),
        ("show",),
        ("verify",),
        ("fsck", "--project"),
        ("gc", "--yes", "--project"),
        ("export", "latest", "-o", "x"),
    ):
        assert project(*words).code == 0, words
    assert project("replay").code != 0, "what was not compared is not the same"
    assert project("rm", "latest", "latest~1").code == 0
    assert project("gc", "--yes", "--project", "--keep-removed", "0").code == 0
    assert list((project.top / ".reprobox/runs").iterdir()) == []
    assert not [
        name for name in os.listdir(project.top / ".reprobox/tmp") if name.startswith("removed-")
    ]


def test_a_run_that_cannot_be_settled_stands_in_nobodys_way(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", WAITING)
    stuck = project("run", "config.yaml", "-d").out.strip()
    until(lambda: begun(project))
    (only_run(project) / "outputs").write_text("somebody put a file here")
    go(project)
    until(lambda: stuck in project("ls").err)
    change("train.py", "print(1)\n")
    other = project.run()["id"]
    for words in (
        ("ls",),
        ("show", other),
        ("show", stuck),
        ("verify", other),
        ("gc", "--project"),
    ):
        said = project(*words)
        assert said.code == 0, (words, said.err)
        (line,) = [line for line in said.err.splitlines() if stuck in line]
        assert "cannot be finished yet" in line
        assert f"reprobox rm {stuck}" in line
    assert project("rm", stuck).code == 0
    assert project.runs() == [other]
    assert stuck not in project("ls").err


def test_a_run_that_was_being_forgotten_when_its_late_start_came_is_forgotten(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", WAITING)
    process = supervised(project)
    run_id = only_run(project).name
    process.kill()
    process.communicate()
    # As a command leaves it that saw the container before the engine started it, and died.
    (only_run(project) / "started.json").unlink()
    subprocess.run(["docker", "kill", f"reprobox-{run_id}"], check=True, capture_output=True)
    until(lambda: not containers_alive(run_id))
    (only_run(project) / "out" / "exit.json").unlink(missing_ok=True)
    assert project("ls", "--json").json == []
    assert project.runs() == []
    left = ["docker", "ps", "-aq", "--filter", f"label=dev.reprobox.run={run_id}"]
    assert subprocess.run(left, check=True, capture_output=True).stdout == b""


def test_a_run_whose_container_was_killed_says_how_long_it_took(
    project: Project, change: Callable[[str, str], str]
) -> None:
    import docker

    change("train.py", WAITING)
    client = docker.from_env()
    process = supervised(project)
    time.sleep(1.5)
    client.containers.get(f"reprobox-{only_run(project).name}").kill()
    said = process.communicate()[1].decode()
    assert " after 0.0 s" not in said
    record = project("show", "--json").json["record"]
    assert 1.5 < record["duration"] < 60
    assert record["duration"] == pytest.approx(record["finished"] - record["started"])
    gone = project("run", "config.yaml", "-d").out.strip()
    until(lambda: (project.top / ".reprobox/runs" / gone / "out/stdout").exists())
    client.containers.get(f"reprobox-{gone}").remove(force=True)
    client.close()
    assert "lost, exit 255, after an unknown time" in project("show", gone).out
    assert "unknown" in project("ls", "-n", "1").out


def test_settling_a_big_run_is_seen_and_may_be_left(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", "open('big', 'wb').truncate(3 << 30)\n")
    run_id = project("run", "config.yaml", "-d").out.strip()
    until(lambda: not containers_alive(run_id))
    said = project.on_a_terminal("ls", ctrl_c_at=f"collecting run {run_id}")
    assert said.code == 130, said.out
    assert f"run {run_id} is unfinished" in said.out
    assert not (only_run(project) / "record.json").exists()
    said = project.on_a_terminal("ls")
    assert f"collecting run {run_id}" in said.out
    assert "finished" in said.out
    (file,) = project("show", run_id, "--json").json["outputs"]
    assert (file["path"], file["size"]) == ("big", 3 << 30)


def test_a_linked_work_tree_keeps_its_runs_in_the_main_one(
    project: Project, tmp_path: Path
) -> None:
    first = project.run()["id"]
    project.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side tree"))
    side = Project(tmp_path / "side tree", project.env)
    said = side("run", "config.yaml")
    assert said.code == 0, said.err
    assert str(project.top / ".reprobox/runs") in said.err
    ids = side.runs()
    assert ids[-1] == first
    assert ids == project.runs()
    assert not (side.top / ".reprobox").exists()
    assert side("replay", ids[0]).code == 0
    bundle = tmp_path / "run.rbx"
    assert side("export", ids[0], "-o", str(bundle)).code == 0
    assert side("rm", ids[0]).code == 0
    assert side("import", str(bundle)).code == 0
    assert ids[0] in project.runs()
    project.git("worktree", "remove", str(side.top))
    assert ids[0] in project.runs()
    assert project("verify", "--all").code == 0
    assert project("replay", ids[0]).code == 0


def test_a_store_that_a_linked_work_tree_has_stays_its_own(
    project: Project, tmp_path: Path
) -> None:
    from reprobox.store.project import open_project

    project.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Project(tmp_path / "side", project.env)
    open_project(side.top)
    run_id = side.run()["id"]
    assert (side.runs(), project.runs()) == ([run_id], [])
