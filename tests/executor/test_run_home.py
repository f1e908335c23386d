"""A run is judged only on the host and engine that it was started on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_project import Project
from second_engine import SecondEngine
from waiting_runs import WAITING, begun, containers_alive, go, only_run, until

pytestmark = pytest.mark.engine


def started(project: Project, change: Callable[[str, str], str]) -> str:
    change("train.py", WAITING)
    run_id = project("run", "config.yaml", "-d").out.strip()
    until(lambda: begun(project))
    return run_id


def files_of(project: Project) -> set[str]:
    """Every path of the store that a run has, but for the index, which is a cache."""
    top = project.top / ".reprobox"
    return {
        str(path.relative_to(top))
        for folder in ("runs", "tmp")
        for path in (top / folder).rglob("*")
    }


def test_another_engine_knows_nothing_and_touches_nothing(
    project: Project,
    change: Callable[[str, str], str],
    second_engine: Callable[..., SecondEngine],
) -> None:
    run_id = started(project, change)
    before = files_of(project)
    other = {"DOCKER_HOST": second_engine().url}
    (row,) = project("ls", "--json", **other).json
    assert (row["id"], row["state"]) == (run_id, "unknown-here")
    shown = project("show", run_id, "--json", **other).json
    assert (shown["state"], shown["record"]) == ("unknown-here", None)
    assert "unix:///var/run/docker.sock" in shown["where"]
    for words in (("stop", run_id), ("stop", "--kill", run_id), ("rm", run_id)):
        said = project(*words, **other)
        assert (said.code, run_id in said.err) == (56, True), said.err
        assert f"next: DOCKER_HOST=unix:///var/run/docker.sock reprobox show {run_id}" in said.err
    assert project("logs", run_id, **other).out == "begun\n"
    for words in (("gc", "--yes"), ("fsck",), ("verify",), ("ls",)):
        project(*words, **other)
    assert files_of(project) == before
    assert project("ls", "--json").json[0]["state"] == "running"
    go(project)
    until(lambda: not containers_alive(run_id))
    assert project("ls", "--json", **other).json[0]["state"] == "unknown-here"
    record = project("show", run_id, "--json").json["record"]
    assert (record["exit"]["code"], record["exit"]["reason"]) == (0, "exited")
    assert project("ls", "--json", **other).json[0]["state"] == "finished"


def test_a_recorded_run_whose_container_is_left_is_not_tidied_elsewhere(
    project: Project,
    change: Callable[[str, str], str],
    second_engine: Callable[..., SecondEngine],
) -> None:
    change("train.py", "print(1)\n")
    run_id = project.run()["id"]
    run = project.top / ".reprobox/runs" / run_id
    note = project.top / ".reprobox/tmp" / f"pending-{run_id}"
    (run / "work").mkdir()
    intent = json.loads((run / "intent.json").read_bytes())
    note.write_text(json.dumps({"host": intent["host"], "engine": intent["engine"]}))
    assert project("ls", DOCKER_HOST=second_engine().url).code == 0
    assert (run / "work").exists()
    assert note.exists()
    assert project("ls").code == 0
    assert not (run / "work").exists()
    assert not note.exists()


def rewritten(project: Project, run_id: str, **host: str) -> None:
    """The intent as if another boot or host had written it."""
    path = project.top / ".reprobox/runs" / run_id / "intent.json"
    intent = json.loads(path.read_bytes())
    intent["host"].update(host)
    path.chmod(0o600)
    path.write_text(json.dumps(intent))


@pytest.mark.parametrize(
    ("host", "state"),
    [
        ({"boot_id": "before"}, "finished"),
        ({"boot_id": "before", "name": "node7"}, "unknown-here"),
        ({"boot_id": "before", "machine": "another"}, "unknown-here"),
    ],
)
def test_a_reboot_of_the_same_host_is_concluded_and_another_host_is_not(
    project: Project, change: Callable[[str, str], str], host: dict[str, str], state: str
) -> None:
    change("train.py", "print(1)\n")
    run_id = project("run", "config.yaml", "-d").out.strip()
    until(lambda: not containers_alive(run_id))
    rewritten(project, run_id, **host)
    assert project("ls", "--json").json[0]["state"] == state
    if state == "unknown-here":
        assert project("rm", run_id).code == 56
        assert project("rm", "--abandon", run_id).code == 0
        assert project("ls", "--json").json == []


def test_an_engine_that_lost_its_mark_still_finishes_its_runs(
    project: Project, change: Callable[[str, str], str]
) -> None:
    """`docker system prune --volumes` removes the mark and the ended container."""
    change("train.py", "open('made', 'w').write('made')\n")
    run_id = project("run", "config.yaml", "-d").out.strip()
    until(lambda: list(Path(only_run(project)).glob("out/exit.json")))
    until(lambda: not containers_alive(run_id))
    path = only_run(project) / "intent.json"
    intent = json.loads(path.read_bytes())
    assert intent["engine"]["mark"]
    intent["engine"]["mark"] = "the one that was pruned"
    path.chmod(0o600)
    path.write_text(json.dumps(intent))
    shown = project("show", run_id, "--json").json
    assert (shown["state"], shown["record"]["exit"]["code"]) == ("finished", 0)
