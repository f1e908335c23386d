"""Watching a run: its output as it grows, and a sink that may be lost. The engine here is a
stand-in; test_local.py has a real one.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reprobox.errors import EngineUnavailable
from reprobox.executor import attach
from reprobox.executor.attach import Follow, Watcher


class Heard:
    def __init__(self, fault: OSError | None = None) -> None:
        self.got: list[tuple[str, bytes]] = []
        self._fault = fault

    def write(self, stream: str, data: bytes) -> None:
        if self._fault:
            raise self._fault
        self.got.append((stream, data))


def test_growing_files_are_read_from_where_it_was(tmp_path: Path) -> None:
    sink = Heard()
    with Follow(tmp_path, sink) as live:
        assert not live.pump()
        (tmp_path / "stdout").write_bytes(b"one")
        assert live.pump()
        with (tmp_path / "stdout").open("ab") as file:
            file.write(b"two")
        (tmp_path / "stderr").write_bytes(b"\xff")
        assert live.pump()
        assert not live.pump()
        assert live.opened == ("stdout", "stderr")
    assert sink.got == [("stdout", b"one"), ("stdout", b"two"), ("stderr", b"\xff")]


def test_a_link_or_a_pipe_in_the_place_of_a_stream_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "stdout").symlink_to("secret")
    os.mkfifo(tmp_path / "stderr")
    sink = Heard()
    with Follow(tmp_path, sink) as live:
        assert not live.pump()
    assert sink.got == []


def watched(tmp_path: Path, engine: Any, sink: Heard) -> tuple[Any, list[str], Watcher]:
    notes: list[str] = []
    watcher = Watcher(sink, notes.append)
    out = tmp_path / "run-7" / "out"
    out.mkdir(parents=True)
    (out / "stdout").write_bytes(b"hello")
    return watcher.watch(engine, "c", out, None), notes, watcher


def test_the_last_state_and_all_output(tmp_path: Path) -> None:
    sink = Heard()
    found, notes, watcher = watched(tmp_path, SimpleNamespace(wait=lambda _: "ended"), sink)
    assert (found, notes, watcher.interrupted) == ("ended", [], None)
    assert sink.got == [("stdout", b"hello")]


def test_a_terminal_that_is_gone_does_not_end_the_run(tmp_path: Path) -> None:
    sink = Heard(BrokenPipeError(32, "Broken pipe"))
    found, notes, _ = watched(tmp_path, SimpleNamespace(wait=lambda _: "ended"), sink)
    assert found == "ended"
    assert len(notes) == 1
    assert "stdout cannot be shown (Broken pipe); run run-7 continues" in notes[0]
    assert "reprobox logs run-7" in notes[0]


def test_an_engine_that_dies_is_an_error(tmp_path: Path) -> None:
    def wait(_: str) -> None:
        raise EngineUnavailable("gone")

    with pytest.raises(EngineUnavailable):
        watched(tmp_path, SimpleNamespace(wait=wait), Heard())


def test_a_container_that_cannot_be_stopped_is_said_to_be_running_still() -> None:
    notes: list[str] = []

    def refuse(_: str) -> None:
        raise EngineUnavailable("The engine is gone")

    Watcher(Heard(), notes.append)._ask(refuse, "c")
    assert "could not be stopped: The engine is gone" in notes[0]


def test_the_first_interrupt_asks_and_stops_what_goes_on() -> None:
    done: list[str] = []
    engine = SimpleNamespace(
        signal=lambda _, name: done.append(name),
        wait=lambda _, grace: SimpleNamespace(status=states.pop()),
        stop=lambda *_: done.append("stop"),
    )
    states = ["exited"]
    Watcher(Heard(), done.append)._interrupt(engine, "c")  # type: ignore[arg-type]
    assert done == ["SIGINT"]
    states = ["running"]
    Watcher(Heard(), done.append)._interrupt(engine, "c")  # type: ignore[arg-type]
    assert done == ["SIGINT", "SIGINT", "stop"]
    assert "running" in attach.LIVE
