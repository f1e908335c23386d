"""Real servers on loopback for remote stores: an S3 server, an SSH daemon, a full disk, and a line
that breaks.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = Path(__file__).parents[2] / ".tools"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"the server does not start:\n{log.read_text()[-3000:]}")


@contextlib.contextmanager
def served(
    argv: list[str], port: int, folder: Path, **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A server until the end of the block; only this process, by its own id, is ended."""
    log = folder / "server.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            argv,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        _answers(port, process, log)
        yield process
    finally:
        # The session is the server's own: its children (one for each SSH connection) go with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[int]:
    port = free_port()
    with served(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port, folder
    ):
        yield port


@dataclass(frozen=True)
class Ssh:
    """An SSH daemon and how to reach it."""

    port: int
    user: str = field(default_factory=getpass.getuser)

    def url(self, path: Path, port: int | None = None) -> str:
        return f"ssh://{self.user}@127.0.0.1:{port or self.port}{path}"


def _key(folder: Path, name: str) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
    )
    return folder / name


@contextlib.contextmanager
def ssh_server(folder: Path, home: Path, more: str = "") -> Iterator[Ssh]:
    """An OpenSSH daemon with its own keys and configuration; `home` becomes that of a user who may
    log in.

    Args:
        more: lines for the daemon's configuration.
    """
    daemon = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:{TOOLS}/usr/sbin")
    assert daemon, "these tests use Debian's openssh-server: run scripts/setup --tests"
    port = free_port()
    host, user = _key(folder, "host"), _key(folder, "user")
    (folder / "authorized").write_text(user.with_suffix(".pub").read_text())
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile "
        f"{folder}/authorized\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nSubsystem "
        f"sftp internal-sftp\n{more}"
    )
    (home / ".ssh").mkdir(exist_ok=True)
    with (home / ".ssh" / "config").open("a") as file:
        file.write(f"Host 127.0.0.1\n  IdentityFile {user}\n")
    trust(home, port, host)
    libraries = ":".join(
        str(path) for path in (TOOLS / "usr/lib/x86_64-linux-gnu", TOOLS / "lib/x86_64-linux-gnu")
    )
    argv = [daemon, "-D", "-e", "-f", str(folder / "config")]
    with served(
        _as_root(argv, folder) if os.geteuid() == 0 else argv,
        port,
        folder,
        LD_LIBRARY_PATH=libraries,
    ):
        yield Ssh(port)


def trust(home: Path, port: int, host: Path) -> None:
    """Adds the host's key to known_hosts."""
    kind, key = host.with_suffix(".pub").read_text().split()[:2]
    with (home / ".ssh" / "known_hosts").open("a") as file:
        file.write(f"[127.0.0.1]:{port} {kind} {key}\n")


def _as_root(argv: list[str], folder: Path) -> list[str]:
    """As root the daemon wants a user and a directory of its own; it gets them in a mount name
    space that nobody else sees.
    """
    users = Path("/etc/passwd").read_text()
    (folder / "passwd").write_text(
        users + ("" if "\nsshd:" in users else "sshd:x:109:65534::/run/sshd:/usr/sbin/nologin\n")
    )
    script = (
        'mount -t tmpfs tmpfs /run && mkdir /run/sshd && mount --bind "$0" /etc/passwd && exec "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", script, str(folder / "passwd"), *argv]


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of so many bytes."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class BreakingLine:
    """Passes TCP connections on and, once armed, cuts them all after so many bytes towards the
    server, or from it.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._left: dict[str, int | None] = {"up": None, "down": None}
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def break_after(self, *, up: int | None = None, down: int | None = None) -> None:
        self._left = {"up": up, "down": down}

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [here, there]
                self._start(self._pass, here, there, "up")
                self._start(self._pass, there, here, "down")

    def _pass(self, source: socket.socket, target: socket.socket, way: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                left = self._left[way]
                if left is not None:
                    self._left[way] = left = left - len(data)
                    if left <= 0:
                        break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        # Closing alone does not wake a thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(10)
