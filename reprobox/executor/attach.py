"""Watching a run: its output as it comes, its end, and signals to us, which are passed on. The run
does not need us: it continues when we die.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Protocol

from reprobox.errors import ReproboxError
from reprobox.executor import shim_report
from reprobox.model.outcome import ContainerState
from reprobox.model.ports import RunEngine

LIVE = ("running", "paused", "restarting")
"""States of a container that has not ended."""
_CHUNK = 1 << 16
GRACE = 10.0
"""Seconds between INT and TERM, and between TERM and KILL."""
_SLACK = 2 * GRACE
"""Seconds after a time limit's end in which the shim ends the program itself; only then is it for
us to do.
"""


class Sink(Protocol):
    """Where live output goes."""

    def write(self, stream: str, data: bytes) -> None:
        """Bytes of `stdout` or `stderr`, as they come."""


class Watcher:
    """Follows one run.

    Ctrl-C reaches the program as INT, then as TERM, then KILL; a second Ctrl-C kills at once. TERM
    (of `timeout`, a CI job, Slurm) is passed on as `docker run` does, KILL follows.

    `interrupted` says afterwards why the run was stopped: `user`, `timeout`, or None.
    """

    def __init__(self, sink: Sink, note: Callable[[str], None], grace: float = GRACE) -> None:
        self._sink, self._note, self._grace = sink, note, grace
        self._presses = 0
        self.interrupted: str | None = None

    def watch(
        self, engine: RunEngine, container: str, out: Path, timeout: float | None
    ) -> ContainerState | None:
        """Shows output until the container has ended; its last state (None when the engine has lost
        it).
        """
        done = threading.Event()
        result: list[ContainerState | None] = []
        failure: list[BaseException] = []

        def wait() -> None:
            try:
                result.append(engine.wait(container))
            except BaseException as error:
                failure.append(error)
            finally:
                done.set()

        waiter = threading.Thread(target=wait, daemon=True)
        sink = _Lasting(self._sink, self._note, out.parent.name)
        with self._signals(engine, container), Follow(out, sink) as follow:
            waiter.start()
            deadline = time.monotonic() + timeout + _SLACK if timeout else None
            delay = 0.01
            while not done.wait(delay):
                delay = 0.01 if follow.pump() else min(delay * 1.5, 0.1)
                if deadline and time.monotonic() > deadline and not self.interrupted:
                    self._stop(engine, container, "timeout")
            follow.pump()
        if failure:
            raise failure[0]
        return result[0]

    def follow(self, pump: Callable[[Sink], bool], stop: Callable[[bool], None]) -> None:
        """Shows the output of a run that something else supervises.

        Args:
            pump: passes on what is new, and waits a little; whether more may come.
            stop: asks for the run's end; at once where its argument is true.
        """
        sink = _Lasting(self._sink, self._note, "this run")

        def pressed(_number: int, _frame: FrameType | None) -> None:
            self._presses += 1
            self._note("stopping the run" if self._presses == 1 else "killing the run")
            self._begin("user", stop, self._presses > 1)

        with self._handled({signal.SIGINT: pressed, signal.SIGTERM: pressed}):
            while pump(sink):
                pass

    def _stop(self, engine: RunEngine, container: str, why: str) -> None:
        self._begin(why, engine.stop, container, self._grace)

    def _begin(self, why: str, ask: Callable[..., None], *what: object) -> None:
        self.interrupted = self.interrupted or why
        threading.Thread(target=self._ask, args=(ask, *what), daemon=True).start()

    def _ask(self, ask: Callable[..., None], *what: object) -> None:
        try:
            ask(*what)
        except ReproboxError as error:
            self._note(
                f"the container could not be stopped: {error.what}; it is still running "
                "(reprobox stop asks again)"
            )

    def _interrupt(self, engine: RunEngine, container: str) -> None:
        engine.signal(container, "SIGINT")
        if engine.wait(container, self._grace).status in LIVE:
            engine.stop(container, self._grace)

    @contextmanager
    def _signals(self, engine: RunEngine, container: str) -> Iterator[None]:
        def pressed(_number: int, _frame: FrameType | None) -> None:
            self._presses += 1
            if self._presses == 1:
                self._note(
                    f"stopping: SIGINT, SIGTERM after {self._grace:g} s, SIGKILL "
                    f"{self._grace:g} s later; Ctrl-C again to kill"
                )
                self._begin("user", self._interrupt, engine, container)
            else:
                self._begin("user", engine.kill, container)

        def terminated(_number: int, _frame: FrameType | None) -> None:
            self._note(f"stopping: SIGTERM, SIGKILL after {self._grace:g} s")
            self._stop(engine, container, "user")

        with self._handled({signal.SIGINT: pressed, signal.SIGTERM: terminated}):
            yield

    @contextmanager
    def _handled(
        self, handlers: Mapping[signal.Signals, Callable[[int, FrameType | None], None]]
    ) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, one) for number, one in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Lasting:
    """A sink that survives a stdout that is full or has no reader any more: the run is followed to
    its end without it.
    """

    def __init__(self, sink: Sink, note: Callable[[str], None], run_id: str) -> None:
        self._sink, self._note, self._run = sink, note, run_id
        self._lost: set[str] = set()

    def write(self, stream: str, data: bytes) -> None:
        """Passes bytes on, as long as they can be written."""
        if stream in self._lost:
            return
        try:
            self._sink.write(stream, data)
        except OSError as fault:
            self._lost.add(stream)
            with suppress(OSError):
                self._note(
                    f"{stream} cannot be shown ({fault.strerror}); run {self._run} continues, and "
                    f"reprobox logs {self._run} has all of it"
                )


class Follow:
    """Reads two growing files from where it was; polling, since inotify has limits and does not see
    other hosts' writes.
    """

    def __init__(self, out: Path, sink: Sink) -> None:
        self._out, self._sink = out, sink
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> Follow:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    @property
    def opened(self) -> tuple[str, ...]:
        """The streams that were seen; one that had been moved away before has another reader to
        find it.
        """
        return tuple(self._files)

    def pump(self) -> bool:
        """Passes on what is new; whether there was anything."""
        moved = False
        for name in ("stdout", "stderr"):
            file = self._files.get(name) or self._open(name)
            while file and (chunk := file.read(_CHUNK)):
                self._sink.write(name, chunk)
                moved = True
        return moved

    def _open(self, name: str) -> IO[bytes] | None:
        try:
            # The program could have put a link or a pipe there.
            with shim_report.opened(self._out / name) as fd:
                file = os.fdopen(os.dup(fd), "rb", buffering=0)
        except OSError:
            return None
        self._files[name] = file
        return file
