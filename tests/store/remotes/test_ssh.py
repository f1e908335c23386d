"""A store behind SSH, as the user's own SSH configuration reaches it."""

from __future__ import annotations

import contextlib
import io
import random
import subprocess
import sys
from pathlib import Path

import pytest
from far_away import ssh_server
from travelling import Silent, a_run, packed

from reprobox.errors import StoreError
from reprobox.store.remotes.registry import open_remote
from reprobox.store.remotes.ssh import Sftp
from reprobox.store.runs import Runs
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Copied, Parcels


def push(url: str, parcels: Parcels) -> Copied:
    with open_remote(url) as destination:
        return copy.copy(copy.plan(parcels, destination), parcels, destination, Silent())


def configure(home: Path, text: str) -> None:
    """Puts lines before all others: the first value that is found counts (ssh_config(5))."""
    config = home / ".ssh" / "config"
    config.write_text(text + config.read_text())


def test_a_jump_host_is_used_and_a_chain_of_them(
    runs: Runs, tmp_path: Path, nobodys_home: Path
) -> None:
    for name in ("jump", "other", "target"):
        (tmp_path / name).mkdir()
    with (
        ssh_server(tmp_path / "jump", nobodys_home, "LogLevel DEBUG\n") as jump,
        ssh_server(tmp_path / "other", nobodys_home, "LogLevel DEBUG\n") as other,
        ssh_server(tmp_path / "target", nobodys_home) as target,
    ):
        at = f"HostName 127.0.0.1\n  Port {target.port}\n  User {target.user}\n"
        first = f"{jump.user}@127.0.0.1:{jump.port}"
        keys = "".join(
            f"  IdentityFile {tmp_path / name / 'user'}\n" for name in ("jump", "other", "target")
        )
        configure(
            nobodys_home,
            f"Host inner\n  {at}  ProxyJump {first}\n{keys}"
            f"Host deep\n  {at}  ProxyJump {first},ssh://{other.user}@127.0.0.1:{other.port}\n{keys}"
            f"Host plain\n  {at}  ProxyJump none\n{keys}"
            f"Host circle\n  {at}  ProxyJump circle\n",
        )
        run = a_run(runs)
        assert push(f"inner:{tmp_path / 'far'}", packed(runs, run)).published == (run,)
        reached = f"127.0.0.1 port {target.port}"
        assert reached in (tmp_path / "jump" / "server.log").read_text()
        assert reached not in (tmp_path / "other" / "server.log").read_text()
        assert push(f"ssh://deep{tmp_path / 'far'}", packed(runs, run)).known == (run,)
        assert f"127.0.0.1 port {other.port}" in (tmp_path / "jump" / "server.log").read_text()
        assert reached in (tmp_path / "other" / "server.log").read_text()
        assert push(f"ssh://plain{tmp_path / 'far'}", packed(runs, run)).known == (run,)
        with pytest.raises(StoreError, match="on the way"):
            push(f"ssh://circle{tmp_path / 'far'}", packed(runs, run))


def test_places_there_that_cannot_be_written_to(
    runs: Runs, tmp_path: Path, nobodys_home: Path
) -> None:
    (tmp_path / "sshd").mkdir()
    (tmp_path / "file").write_text("x")
    run = a_run(runs)
    with ssh_server(tmp_path / "sshd", nobodys_home) as ssh:
        for place in (tmp_path / "file" / "below", Path("/proc/none/x")):
            with pytest.raises(StoreError, match="failed"):
                push(ssh.url(place), packed(runs, run))


def test_nothing_of_the_library_is_on_stderr(tmp_path: Path) -> None:
    """A server that is none makes the library's thread fail, which would log a traceback."""
    script = (
        "import socket, sys, threading\n"
        "from reprobox.errors import StoreError\n"
        "from reprobox.store.remotes.ssh import Sftp\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "def answer():\n"
        "    there, _ = server.accept()\n"
        "    there.sendall(b'junk that is no banner\\r\\n' * 300)\n"
        "    there.close()\n"
        "threading.Thread(target=answer, daemon=True).start()\n"
        "try:\n"
        "    Sftp(f'ssh://x@127.0.0.1:{server.getsockname()[1]}/x')\n"
        "except StoreError:\n"
        "    sys.exit(52)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        env={"HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
    )
    assert (done.returncode, done.stderr) == (52, b"")


@pytest.mark.parametrize("ciphers", ["", "Ciphers aes256-ctr\n"])
def test_large_writes_are_whole_with_each_cipher(
    runs: Runs, tmp_path: Path, nobodys_home: Path, ciphers: str
) -> None:
    (tmp_path / "sshd").mkdir()
    data = random.Random(1).randbytes((3 << 20) + 17)
    with (
        ssh_server(tmp_path / "sshd", nobodys_home, f"LogLevel DEBUG\n{ciphers}") as server,
        contextlib.closing(
            Sftp(f"ssh://{server.user}@127.0.0.1:{server.port}{tmp_path}/far")
        ) as place,
    ):
        place.write("some/large", io.BytesIO(data))
        assert (tmp_path / "far/some/large").read_bytes() == data
        with place.read("some/large", 5, most=len(data)) as stream:
            assert b"".join(iter(lambda: stream.read(1 << 20), b"")) == data[5:]
    log = (tmp_path / "sshd" / "server.log").read_text()
    assert f"cipher: {'aes256-ctr' if ciphers else 'aes128-gcm@openssh.com'}" in log
