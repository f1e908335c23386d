"""A program in a running container, on the user's terminal (docker exec -it)."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import tty
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from reprobox.engine.faults import speaking
from reprobox.engine.link import Link

_CHUNK = 1 << 16


def run(link: Link, container: str, argv: Sequence[str], *, terminal: int = 0) -> int:
    """Runs a program on a terminal until it ends; its exit code.

    Args:
        terminal: descriptor of the terminal; what the program writes goes to stdout.

    Raises:
        EngineError: the container is gone.
    """
    with speaking("run a program in the container"):
        client = link.patient()
        made = client.exec_create(
            container,
            list(argv),
            stdin=True,
            tty=True,
            environment={"TERM": os.environ.get("TERM", "xterm")},
        )
        stream: Any = client.exec_start(made["Id"], tty=True, socket=True)
        with contextlib.closing(stream), _raw(terminal), _sized(client, made["Id"], terminal):
            _pass_on(stream.fileno(), terminal)
        return int(client.exec_inspect(made["Id"])["ExitCode"] or 0)


@contextlib.contextmanager
def _raw(terminal: int) -> Iterator[None]:
    """Keys go to the program as they are, Ctrl-C too, and those typed ahead of it."""
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal, termios.TCSADRAIN)  # the default throws away what was typed ahead
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _sized(client: Any, exec_id: str, terminal: int) -> Iterator[None]:
    """The program's terminal has the size of ours, now and when it changes."""

    def resize(number: int = 0, frame: FrameType | None = None) -> None:
        size = os.get_terminal_size(terminal)
        # The program may have ended.
        with contextlib.suppress(Exception):
            client.exec_resize(exec_id, height=size.lines, width=size.columns)

    before = signal.signal(signal.SIGWINCH, resize)
    try:
        resize()
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _pass_on(stream: int, terminal: int) -> None:
    """Bytes both ways until the program's end closes the stream."""
    sources = [stream, terminal]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if stream in ready:
            data = os.read(stream, _CHUNK)
            if not data:
                return
            _write_all(1, data)
        if terminal in ready:
            data = os.read(terminal, _CHUNK)
            if not data:
                sources.remove(terminal)
                continue
            _write_all(stream, data)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
