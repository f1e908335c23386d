"""The executor of this host, for runs that have ended; test_local.py has runs that run."""

from __future__ import annotations

from typing import Any

import pytest
from web_world import World

from reprobox.errors import UsageError
from reprobox.executor.local_executor import LocalExecutor


@pytest.fixture
def world(tmp_path: Any) -> World:
    return World.at(tmp_path / "digits")


def test_a_run_that_has_ended_is_read_from_its_record(world: World) -> None:
    run = world.run()
    one = LocalExecutor(world.context)
    assert one.state(run).over
    assert one.collect(run).id == run
    logs = dict(one.logs(run, follow=True))
    assert set(logs) <= {"stdout", "stderr"}
    assert logs == {
        name: b"".join(d for n, d in one.logs(run, follow=False) if n == name) for name in logs
    }


def test_a_run_that_has_ended_cannot_be_stopped(world: World) -> None:
    run = world.run()
    with pytest.raises(UsageError, match="is not running") as caught:
        LocalExecutor(world.context).cancel(run, kill=True)
    assert caught.value.next_step == f"reprobox show {run}"


def test_this_host_has_no_queue(world: World) -> None:
    works: Any = [(None, None)] * 3
    with pytest.raises(UsageError, match="no queue"):
        LocalExecutor(world.context).submit_all(works, at_once=2)
