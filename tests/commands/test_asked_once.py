"""A value that a digest names is read once a command. These are exact numbers: whoever raises one
says why here.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from counted import Counted, counted
from flow_project import CONFIG, Project

from reprobox.cli.messages import Talk
from reprobox.commands import diff, ls, replay, show
from reprobox.context import Context
from reprobox.executor.attach import Watcher
from reprobox.executor.trial_runs import Quiet
from reprobox.model import codec
from reprobox.model.record import Record

pytestmark = pytest.mark.engine

GIT_OF_A_RUN = [
    "rev-parse",  # where the repository is
    "cat-file",  # every object
    "ls-files",  # the index
    "config",
    "ls-files",  # what is neither tracked nor ignored
    "update-ref",  # keeps the commit
]
GIT_OF_A_REPLAY = ["rev-parse", "cat-file", "update-ref"]
START = [
    "GET /version",
    "GET /images/X/json",
    "GET /info",
    "POST /volumes/create",  # the mark by which this engine is known again
]
CONTAINER = [
    "POST /containers/create",
    "POST /containers/X/start",
    "POST /containers/X/wait",
    "GET /containers/X/json",
    "DELETE /containers/X",
]


@pytest.fixture
def asked() -> Iterator[Counted]:
    with counted() as made:
        yield made


def with_inputs(project: Project, count: int) -> None:
    """Half of them tracked, half of them ignored."""
    names = [f"{'kept' if number % 2 else 'ignored'}/{number}" for number in range(count)]
    for name in names:
        project.write(name, name)
    project.write(".gitignore", "/ignored/\n")
    listed = ", ".join(["data/numbers.txt", *names])
    project.write("config.yaml", CONFIG.replace("[data/numbers.txt]", f"[{listed}]"))
    project.commit("inputs")


@pytest.mark.parametrize("inputs", [0, 10])
def test_what_a_run_and_its_replay_ask(project: Project, asked: Counted, inputs: int) -> None:
    if inputs:
        with_inputs(project, inputs)
    said = project("run", "config.yaml", **asked.env)
    assert said.code == 0, said.err
    assert sorted(asked.git) == sorted(GIT_OF_A_RUN), "untracked files are asked for meanwhile"
    start, container = asked.engine[: len(START)], asked.engine[len(START) :]
    assert sorted(start) == sorted(START), "the engine is asked about itself meanwhile"
    assert container == CONTAINER

    asked.forget()
    said = project("replay", "latest", **asked.env)
    assert said.code == 0, said.err
    assert asked.git == GIT_OF_A_REPLAY
    assert sorted(asked.engine) == sorted([*START, *CONTAINER])

    asked.forget()
    assert project("ls", **asked.env).code == 0
    assert (asked.git, asked.engine) == (["rev-parse"], [])

    asked.forget()
    assert project("show", **asked.env).code == 0
    assert (asked.git, asked.engine) == (["rev-parse", "config"], [])


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each record was decoded, by its digest."""
    found: Counter[str] = Counter()

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def decode(kind: Any, data: bytes, **more: Any) -> Any:
            value = real(kind, data, **more)
            if kind is Record:
                found[codec.digest(value)] += 1
            return value

        return decode

    for name in ("decode", "decode_known"):
        monkeypatch.setattr(codec, name, counting(getattr(codec, name)))
    return found


@pytest.fixture
def connected() -> Iterator[list[str]]:
    """Connections to the index."""
    found: list[str] = []
    on = [True]

    def hook(event: str, details: tuple[Any, ...]) -> None:
        if on and event == "sqlite3.connect" and str(details[0]).endswith("index.sqlite"):
            found.append(str(details[0]))

    sys.addaudithook(hook)
    yield found
    on.clear()


def test_a_record_is_decoded_once(
    project: Project,
    decoded: Counter[str],
    connected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project.run()
    monkeypatch.setenv("REPROBOX_HOME", project.env["REPROBOX_HOME"])
    quiet = Talk(quiet=True, color=False, debug=False)

    def once(command: Callable[[Context], object], records: int) -> None:
        decoded.clear()
        command(Context(start=Path(project.top), progress=quiet))
        assert sorted(decoded.values()) == [1] * records

    once(
        lambda context: replay.replay(context, "latest", Watcher(Quiet(), quiet.note)),
        2,  # the original, and the new one
    )
    once(lambda context: diff.diff(context, "latest", "latest~1"), 2)
    # The index reads the metrics of new runs, once for all commands.
    show.show(Context(start=Path(project.top), progress=quiet), "latest")
    once(lambda context: show.show(context, "latest"), 1)
    once(lambda context: show.show(context, "latest~1"), 2)  # and that of its replay
    connected.clear()
    once(lambda context: ls.list_runs(context, ls.Wanted(), limit=20), 0)
    assert len(connected) == 1
