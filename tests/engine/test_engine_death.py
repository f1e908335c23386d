"""The engine dies, with and without live-restore; what the shim wrote is there, and what happened
can be told.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from images_of_our_own import PythonImage, chunks
from second_engine import SecondEngine
from shim_runs import ShimRun, ShimRunner

from reprobox.errors import EngineUnavailable
from reprobox.model.outcome import ContainerState

pytestmark = [pytest.mark.engine, pytest.mark.slow]
TAG = "reprobox-tests/python:death"
AFTER_GO = """
import os, time
print("begun", flush=True)
while not os.path.exists("/.reprobox-out/go"):
    time.sleep(0.05)
"""


class Waiter(threading.Thread):
    """Waits for a run as flow does, over the engine's death."""

    def __init__(self, run: ShimRun) -> None:
        super().__init__(daemon=True)
        self._run = run
        self.state: ContainerState | None = None
        self.start()

    def run(self) -> None:
        self.state = self._run.engine.wait(self._run.id)

    def ended(self) -> ContainerState:
        self.join(60)
        assert self.state is not None
        return self.state


def until(path: Path, text: str) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < deadline, path
        time.sleep(0.01)


@pytest.fixture
def on_second(
    second_engine: Callable[..., SecondEngine],
    python_archive: Callable[[str], tuple[bytes, str]],
    tmp_path: Path,
) -> Callable[..., tuple[SecondEngine, ShimRunner]]:
    """An engine of our own with the image in it, and a runner on it."""

    def begin(*, live_restore: bool) -> tuple[SecondEngine, ShimRunner]:
        own = second_engine(live_restore=live_restore)
        data, python = python_archive(TAG)
        own.engine.load(chunks(data))
        return own, ShimRunner(own.engine, PythonImage(TAG, python), tmp_path)

    return begin


@pytest.mark.parametrize("live_restore", [False, True])
def test_a_run_that_ends_while_the_engine_is_dead(
    on_second: Callable[..., tuple[SecondEngine, ShimRunner]], live_restore: bool, tmp_path: Path
) -> None:
    own, shim = on_second(live_restore=live_restore)
    run = shim(
        "sh",
        "-c",
        "echo begun; while [ ! -e /.reprobox-out/go ]; do sleep 0.05; done; echo out; echo err "
        ">&2; exit 7",
    )
    until(run.out / "stdout", "begun")
    waiter = Waiter(run)
    own.die()
    (run.out / "go").touch()
    until(run.out / "exit.json", "}")
    own.start()
    state = waiter.ended()
    assert state.status == "exited"
    assert (run.exit["code"], run.exit["reason"]) == (7, "exited")
    assert (run.bytes("stdout"), run.bytes("stderr")) == (b"begun\nout\n", b"err\n")
    assert state.exit_code == 7


def test_out_of_memory_while_the_engine_is_dead(
    on_second: Callable[..., tuple[SecondEngine, ShimRunner]],
) -> None:
    """The engine's own flag says false here; the shim's count does not."""
    own, shim = on_second(live_restore=True)
    run = shim(shim.image.python, "-c", AFTER_GO + "x = bytearray(200 << 20)", memory=64 << 20)
    until(run.out / "stdout", "begun")
    own.die()
    (run.out / "go").touch()
    until(run.out / "exit.json", "}")
    own.start()
    run.ended()
    assert (run.exit["reason"], run.exit["oom_kills"]) == ("oom", 1)


def test_a_chatty_run_does_not_block_while_the_engine_is_dead(
    on_second: Callable[..., tuple[SecondEngine, ShimRunner]],
) -> None:
    """Through the engine's pipe it would stop after some 130 kB."""
    own, shim = on_second(live_restore=True)
    run = shim(shim.image.python, "-c", AFTER_GO + "for i in range(30000): print('%0100d' % i)")
    until(run.out / "stdout", "begun")
    own.die()
    (run.out / "go").touch()
    until(run.out / "exit.json", "}")
    lines = run.bytes("stdout").splitlines()
    assert [int(line) for line in lines[1:]] == list(range(30000))
    own.start()
    assert run.ended().exit_code == 0


def test_a_run_that_the_returning_engine_stops(
    on_second: Callable[..., tuple[SecondEngine, ShimRunner]],
) -> None:
    """Without live-restore the engine ends what it finds running; there is then no exit code of the
    program's own making.
    """
    own, shim = on_second(live_restore=False)
    run = shim("sh", "-c", "echo begun; exec sleep 600")
    until(run.out / "stdout", "begun")
    waiter = Waiter(run)
    own.die()
    own.start()
    state = waiter.ended()
    assert state.status == "exited"
    assert state.exit_code in (137, 143, 255)
    report = run.out / "exit.json"
    if report.exists():
        assert json.loads(report.read_bytes())["signal"] in (signal.SIGTERM, signal.SIGKILL)


def test_a_run_outlives_a_restart_with_live_restore(
    on_second: Callable[..., tuple[SecondEngine, ShimRunner]],
) -> None:
    own, shim = on_second(live_restore=True)
    run = shim(
        "sh", "-c", "echo begun; while [ ! -e /.reprobox-out/go ]; do sleep 0.05; done; exit 3"
    )
    until(run.out / "stdout", "begun")
    waiter = Waiter(run)
    own.die(signal.SIGTERM)
    with pytest.raises(EngineUnavailable):
        own.engine.info()
    own.start()
    assert own.engine.state(run.id).status == "running"
    (run.out / "go").touch()
    assert waiter.ended().exit_code == 3
    assert run.exit["code"] == 3


def test_patience_ends(on_second: Callable[..., tuple[SecondEngine, ShimRunner]]) -> None:
    own, shim = on_second(live_restore=True)
    run = shim("sleep", "600")
    engine = own.engine
    engine.patience = 0.5
    own.die()
    with pytest.raises(EngineUnavailable):
        engine.wait(run.id)
    with pytest.raises(EngineUnavailable):
        engine.wait(run.id, 0.2)


def test_a_load_that_the_engine_does_not_survive(
    second_engine: Callable[..., SecondEngine], tiny_archive: Callable[[str], bytes]
) -> None:
    own = second_engine()
    data = tiny_archive("reprobox-tests/tiny:cut")

    def dies_midway() -> Iterator[bytes]:
        yield data[: len(data) // 2]
        own.die()
        yield data[len(data) // 2 :]
        yield bytes(1 << 20)

    with pytest.raises(EngineUnavailable):
        own.engine.load(dies_midway())
    own.start()
    own.engine.load([data])
    assert own.engine.inspect("reprobox-tests/tiny:cut")
