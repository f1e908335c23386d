"""A program on the user's terminal. A pseudo-terminal is the user's, a socket the program's; the
engine's calls are a stand-in.
"""

from __future__ import annotations

import fcntl
import os
import pty
import socket
import struct
import termios
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from reprobox.engine import terminal


@pytest.fixture
def user() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal of 24 lines and 100 columns: the user's, and ours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def test_bytes_go_both_ways_and_the_terminal_is_as_it_was(
    user: tuple[int, int], capfd: pytest.CaptureFixture[str]
) -> None:
    keys, screen = user
    before = termios.tcgetattr(screen)
    ours, theirs = socket.socketpair()
    said: dict[str, Any] = {}

    def program() -> None:
        said["raw"] = not termios.tcgetattr(screen)[3] & (termios.ICANON | termios.ISIG)
        theirs.sendall(b"$ ")
        os.write(keys, b"\x03x")
        said["keys"] = theirs.recv(1) + theirs.recv(1)
        theirs.sendall(b"bye\n")
        theirs.close()

    worker = threading.Thread(target=program)

    def start(identity: str, *, tty: bool, socket: bool) -> Any:
        return ours

    def resize(identity: str, *, height: int, width: int) -> None:
        said["size"] = (height, width)
        worker.start()

    client = SimpleNamespace(
        exec_create=lambda container, argv, **how: said.update(argv=argv, how=how) or {"Id": "e"},
        exec_start=start,
        exec_resize=resize,
        exec_inspect=lambda _: {"ExitCode": 5},
    )
    link: Any = SimpleNamespace(patient=lambda: client)
    code = terminal.run(link, "c", ("sh",), terminal=screen)
    worker.join()
    assert code == 5
    assert (said["argv"], said["keys"], said["size"]) == (["sh"], b"\x03x", (24, 100))
    assert said["raw"]
    assert set(said["how"]["environment"]) == {"TERM"}
    assert capfd.readouterr().out == "$ bye\n"
    assert termios.tcgetattr(screen) == before
