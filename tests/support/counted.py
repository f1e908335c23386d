"""What a command asks of others: processes of git, and requests that an engine gets."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
_REQUEST = re.compile(rb"(GET|POST|DELETE|HEAD|PUT) (\S+) HTTP/1\.[01]\r\n")
_NAME = re.compile(r"^(/images|/containers)/(?!create|json).+?(/json|/start|/wait|$)")
_PLAIN = r"\1/X\2"


@dataclass
class Counted:
    """Set `env` for a command; afterwards `git` and `engine` say what it asked."""

    folder: Path
    requests: list[str] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "DOCKER_HOST": f"unix://{self.folder}/engine.sock",
        }

    @property
    def git(self) -> list[str]:
        """The subcommand of each process, in order."""
        log = self.folder / "git.log"
        return log.read_text().split() if log.exists() else []

    @property
    def engine(self) -> list[str]:
        """Each request, without the version of the API, names and IDs."""
        plain = []
        for line in self.requests:
            method, path = line.split(" ")
            path = re.sub(r"^/v1\.\d+", "", path.partition("?")[0])
            plain.append(f"{method} {_NAME.sub(_PLAIN, path)}")
        return plain

    def forget(self) -> None:
        self.requests.clear()
        (self.folder / "git.log").unlink(missing_ok=True)


def _pass_on(source: socket.socket, target: socket.socket, seen: list[str] | None) -> None:
    try:
        while chunk := source.recv(1 << 16):
            if seen is not None:
                seen += [b" ".join(found).decode() for found in _REQUEST.findall(chunk)]
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _serve(door: socket.socket, seen: list[str]) -> None:
    while True:
        try:
            caller, _ = door.accept()
        except OSError:
            return
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(SOCKET)
        for ends in ((caller, engine, seen), (engine, caller, None)):
            threading.Thread(target=_pass_on, args=ends, daemon=True).start()


@contextmanager
def counted() -> Iterator[Counted]:
    """A git that notes its calls, and a way to the engine that notes requests; both are the real
    ones.
    """
    git = shutil.which("git")
    with tempfile.TemporaryDirectory(prefix="rbx-", dir="/tmp") as name:
        folder = Path(name)
        (folder / "git").write_text(
            "#!/bin/sh\nfor word; do case $word in -C) ;; -*|/*) ;; "
            f'*) echo $word >> {folder}/git.log; break;; esac; done\nexec {git} "$@"\n'
        )
        (folder / "git").chmod(0o755)
        made = Counted(folder)
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(f"{folder}/engine.sock")
            door.listen(64)
            threading.Thread(target=_serve, args=(door, made.requests), daemon=True).start()
            yield made
            door.shutdown(socket.SHUT_RDWR)
