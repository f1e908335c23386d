"""The state of a run, computed from what exists of it."""

from __future__ import annotations

import pytest
from containers import a_container, no_container
from harness_runs import a_record, an_intent

from reprobox.model.outcome import ContainerState, Exit
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.runs import Runs

STATES = [
    (True, False, None, "queued"),
    (True, True, None, "running"),
    (True, True, a_container("exited", 0), "running"),
    (False, True, a_container("running"), "running"),
    (False, True, a_container("paused"), "running"),
    (False, True, a_container("exited", 0), "running"),
    (False, False, None, "interrupted"),
    (False, False, a_container("created"), "interrupted"),
    (False, True, a_container("created"), "interrupted"),
    (False, True, None, "lost"),
    (False, True, a_container("removing"), "lost"),
]


@pytest.mark.parametrize(("held", "started", "container", "expected"), STATES)
def test_state_is_computed_from_what_is_there(
    runs: Runs, held: bool, started: bool, container: ContainerState | None, expected: str
) -> None:
    intent = an_intent()
    with runs.begin(intent, {}) as run:
        if started:
            run.started("f" * 64)
        if not held:
            run.release()
        asked: list[str] = []
        state = runs.state(intent.id, lambda name: asked.append(name) or container)
    assert state.name == expected
    assert asked == ["f" * 64 if started else intent.container]
    assert state.supervised is held
    assert state.container is container
    assert state.over is (expected not in ("queued", "running"))


EXITS = [
    (Exit(code=0, reason="exited"), "finished"),
    (Exit(code=3, reason="exited"), "failed"),
    (Exit(code=137, reason="oom"), "failed"),
    (Exit(code=139, reason="signal", signal=11), "failed"),
    (Exit(code=143, reason="timeout"), "timeout"),
    (Exit(code=127, reason="not-found"), "failed"),
    (Exit(code=130, reason="interrupted", message="by the user"), "interrupted"),
    (Exit(code=255, reason="engine"), "interrupted"),
    (Exit(code=0, reason="lost"), "lost"),
]


@pytest.mark.parametrize(("exit_", "expected"), EXITS)
def test_an_engine_fault_is_never_a_failure(runs: Runs, exit_: Exit, expected: str) -> None:
    intent = an_intent()
    with runs.begin(intent, {}) as run:
        run.finish(a_record(intent, exit=exit_), outputs_manifest(()))
    assert runs.state(intent.id, no_container).name == expected
    assert [row.state for row in runs.list()] == [expected]


def test_a_run_whose_container_goes_unstarted_is_unborn_and_not_lost(runs: Runs) -> None:
    with runs.begin(an_intent("20261120-153010-brave-otter-0000"), {}) as run:
        run.started("f" * 64)
        assert runs.started(run.id) is not None
        for _ in range(2):  # whoever comes after a death takes it back again
            run.not_started()
            assert runs.started(run.id) is None
