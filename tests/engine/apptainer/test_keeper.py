"""The supervisor's parts; test_engine.py has it at work under Apptainer."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from reprobox.engine.apptainer import keeper


@pytest.mark.parametrize(("status", "code"), [(0, 0), (3 << 8, 3), (9, 137), (15, 143), (139, 139)])
def test_the_code_of_a_program_that_a_signal_ended_is_the_shell_s(status: int, code: int) -> None:
    assert keeper._code(status) == code


def test_a_process_is_named_by_its_number_and_its_start() -> None:
    number, begun = keeper._identity(os.getpid())
    assert number == os.getpid()
    assert begun > 0
    assert keeper._identity(os.getpid()) == [number, begun]
    assert keeper._identity(1 << 30) == [1 << 30, 0]


def test_the_number_of_a_process_is_the_kernel_s_word() -> None:
    credentials = struct.pack("iII", 77, 0, 0)
    known = (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)
    other = (socket.SOL_SOCKET, socket.SCM_RIGHTS, b"")
    assert keeper._sender([other, known]) == 77
    assert keeper._sender([other]) is None


def test_the_last_words_of_a_log(tmp_path: Path) -> None:
    assert keeper._last_words(str(tmp_path)) == ""
    (tmp_path / "log").write_bytes(b"x" * 9000 + b"FATAL: \xff\n")
    found = keeper._last_words(str(tmp_path))
    assert found.endswith("FATAL: \ufffd")
    assert len(found) <= 4000


def test_a_container_that_was_started_or_removed_before_is_left_alone(tmp_path: Path) -> None:
    """Started as a program: with the standard library alone, and nothing but its answer."""
    (tmp_path / "lock").touch()
    (tmp_path / "container.json").write_text("{}")
    (tmp_path / "started.json").write_text("{}")
    argv = [sys.executable, "-I", "-S", keeper.__file__, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("it was started before", "", 0)
    assert (tmp_path / "started.json").read_text() == "{}"


def test_the_first_process_is_known_by_what_it_sends(tmp_path: Path) -> None:
    """A child in the place of Apptainer takes its environment and says one byte."""
    code = "import os; os.read(0, 5); os.write(0, b'x'); os.read(0, 3)"
    wanted = {"argv": [sys.executable, "-c", code], "host_environment": {}}
    child, door = keeper._launch(wanted, str(tmp_path))
    try:
        assert keeper._first_process(child, door, b"A=b\0\0") == child
        door.send(b"go\n")
        assert os.waitpid(child, 0)[1] == 0
    finally:
        door.close()


def test_a_program_that_does_not_start_has_no_first_process(tmp_path: Path) -> None:
    wanted = {"argv": ["/no/such/program"], "host_environment": {}}
    child, door = keeper._launch(wanted, str(tmp_path))
    try:
        assert keeper._first_process(child, door, b"A=b\0") is None
    finally:
        door.close()
    assert keeper._code(os.waitpid(child, 0)[1]) == 125
    assert "No such file" in keeper._last_words(str(tmp_path))


def test_signals_that_a_scheduler_sends_to_all_are_not_its_end() -> None:
    assert {signal.SIGTERM, signal.SIGINT, signal.SIGHUP} <= set(keeper._IGNORED)
