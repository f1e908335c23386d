"""Progress: a live line on a terminal, one line a step in a pipe, nothing when quiet."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from reprobox.cli import bars
from reprobox.cli.messages import Talk


def test_in_a_pipe_a_long_step_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bars, "LONG", 0)
    with Talk().task("fetching wheels", 10) as bar:
        for number in range(5):
            bar.update(2000, f"{number + 1} of 5" if number % 2 else "")
    with Talk().task("resolving\nwheels"):
        pass
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("fetching wheels 4 of 5: 10.0 kB in ")
    assert second.startswith("resolving")
    assert second.endswith(" s")


def test_a_quick_step_and_a_quiet_command_say_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bars, "LONG", 1e9)
    with Talk().task("quick") as bar:
        bar.update(1)
    monkeypatch.setattr(bars, "LONG", 0)
    with Talk(quiet=True).task("quiet") as bar:
        bar.update(1)
    assert capsys.readouterr().err == ""


def on_a_terminal(program: str) -> tuple[str, list[str]]:
    """What a program writes to a terminal, and the modules of rich that it imported."""
    leader, follower = pty.openpty()
    code = (
        "import sys, time; from reprobox.cli import bars; bars.QUICK = 0; bars._EVERY = 0.01\n"
        "from reprobox.cli.messages import Talk\ntalk = Talk()\n"
        f"{program}\nprint([name for name in sys.modules if name.startswith('rich.p')])"
    )
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stderr=follower, stdout=subprocess.PIPE, env=env
    ) as process:
        os.close(follower)
        seen = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            seen += piece
        os.close(leader)
        out = process.stdout.read() if process.stdout else b""
    assert process.returncode == 0, seen
    return seen.decode(), eval(out)  # a list of names that this test printed


def test_on_a_terminal_bytes_make_a_bar_and_it_goes_away() -> None:
    shown, modules = on_a_terminal(
        "with talk.task('fetching [red]x[/]', 1000) as bar:\n"
        "    for _ in range(20): bar.update(50); time.sleep(0.02)\n"
    )
    assert "fetching [red]x[/]" in shown
    assert "1.0/1.0 kB" in shown or "/1.0 kB" in shown
    assert "rich.progress" in modules
    assert shown.rstrip("\r\n").endswith("\x1b[2K")


def test_a_step_without_a_size_spins_without_rich() -> None:
    shown, modules = on_a_terminal("with talk.task('resolving wheels'): time.sleep(0.3)\n")
    assert "resolving wheels  0 s" in shown
    assert modules == []
    assert shown.endswith("\r\x1b[K")


def test_of_several_steps_the_newest_is_drawn() -> None:
    shown, _ = on_a_terminal(
        "with talk.task('outer', 1000) as outer:\n"
        "    with talk.task('inner', 1000) as inner:\n"
        "        for _ in range(10): outer.update(1); inner.update(10); time.sleep(0.02)\n"
    )
    after = shown[shown.index("inner") :]
    assert "outer" not in after
