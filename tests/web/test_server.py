"""`reprobox ui` as a command: its address, its end, and a second one."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from web_world import World

TOP = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "reprobox.cli.main", "ui"]


@contextmanager
def started(top: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, *words],
        cwd=top,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever started the tests in the background had this ignored, which would be inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_until_it_is_ended(world: World, number: signal.Signals, code: int) -> None:
    run = world.run()
    live = world.intent(1)
    world.begin(live)
    with started(world.context.top) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        port, _, token = address.removeprefix("http://127.0.0.1:").partition("/?token=")
        link = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
        link.request("GET", f"/?token={token}")
        answer = link.getresponse()
        cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
        answer.read()
        link.close()  # the server does so by itself after five idle seconds
        link.request("GET", "/runs", headers={"Cookie": cookie})
        assert run in link.getresponse().read().decode()
        second = subprocess.run(
            [*COMMAND, "--json"],
            cwd=world.context.top,
            env={**os.environ, "PYTHONPATH": str(TOP)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert second.returncode == 54
        assert address in json.loads(second.stdout)["why"]
        follower = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
        follower.request("GET", f"/run/{live.id}/events", headers={"Cookie": cookie})
        assert follower.getresponse().status == 200  # a live log does not keep it
        process.send_signal(number)
        assert process.wait(30) == code
        said = process.stderr.read()
        assert token not in said
        assert "Traceback" not in said
    assert not (world.runs.root / "ui.json").exists()


def test_a_taken_port_is_named(world: World) -> None:
    with started(world.context.top, "--json") as first:
        assert first.stdout is not None
        text = "".join(first.stdout.readline() for _ in range(3))
        port = str(urlsplit(json.loads(text)["address"]).port)
        other = World.at(world.context.top.parent / "other")
        with started(other.context.top, "--port", port) as second:
            _, said = second.communicate(timeout=60)
            assert second.returncode == 2
            assert said.startswith(f"error: port {port} cannot be used")
            assert "next: reprobox ui --port 0" in said
