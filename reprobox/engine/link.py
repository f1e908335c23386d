"""The connection to the engine: opened when first needed, with a short first question, its API
version asked once.

Why docker-py's low-level client: `docker.from_env` and the object layer on top cost more imports
and one more inspect per call, and an unchanged `build` is one inspect, which needs no docker-py at
all (`glance`).
"""

from __future__ import annotations

import os
import re
import socket
import threading
import weakref
from typing import TYPE_CHECKING

from reprobox.engine.faults import spare_ssh, speaking, unavailable
from reprobox.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker.api.client import APIClient

DEFAULT_URL = "unix:///var/run/docker.sock"
FIRST_SECONDS = 5
"""How long the engine may take to say its version before we call it absent."""
CALL_SECONDS = 120
"""How long one ordinary call may take; an engine under heavy disk load was seen to take tens of
seconds for a create.
"""
OLDEST_API = (1, 40)
"""Docker 19.03: the first with device requests, that is `--gpus`."""


class Link:
    """Two clients of one engine: for ordinary calls, and for calls that last as long as their work."""

    def __init__(self, base_url: str | None = None) -> None:
        self._base_url = base_url
        self._lock = threading.Lock()
        self._quick: APIClient | None = None
        self._patient: APIClient | None = None

    def get_ready(self) -> None:
        """Begins to import docker-py beside what the caller does meanwhile, which is mostly waiting
        for git.
        """

        def begin() -> None:
            spare_ssh()
            import docker.api.client  # noqa: F401

        threading.Thread(target=begin, daemon=True).start()

    def quick(self) -> APIClient:
        """The client for calls that answer soon.

        Raises:
            EngineUnavailable: no engine, not permitted, wrong DOCKER_HOST, or an engine that is too
                old.
        """
        self._knock()
        with self._lock:
            if self._quick is None:
                self._quick = self._connect(self._version(), CALL_SECONDS)
            return self._quick

    def patient(self) -> APIClient:
        """The client for loads, pulls, builds and exports: no time limit between two bytes."""
        version = self.quick().api_version
        with self._lock:
            if self._patient is None:
                self._patient = self._connect(version, None)
            return self._patient

    def unused_socket(self) -> str | None:
        """The path of the engine's unix socket, as long as docker-py was not needed; for the one
        call that can do without it.
        """
        return self._socket_path() if self._quick is None else None

    def _socket_path(self) -> str | None:
        url = self._base_url or os.environ.get("DOCKER_HOST") or DEFAULT_URL
        return url.removeprefix("unix://") if url.startswith("unix:///") else None

    def _knock(self) -> None:
        """Sees whether anybody listens, before docker-py does: it leaves a socket open for each
        time that nobody does.
        """
        path = self._socket_path()
        if path is None:
            return
        spare_ssh()
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(FIRST_SECONDS)
            try:
                door.connect(path)
            except OSError as fault:
                raise unavailable("reach the container engine", fault) from fault

    def _version(self) -> str:
        """The engine's API version, asked over a connection of its own (docker-py's `auto` leaves
        its one open when that fails).
        """
        asking = self._connect(".".join(map(str, OLDEST_API)), FIRST_SECONDS)
        try:
            with speaking("reach the container engine"):
                said = asking.version(api_version=False)
        finally:
            asking.close()
        return _new_enough(said)

    def _connect(self, version: str, timeout: int | None) -> APIClient:
        with speaking("reach the container engine"):
            from docker.api.client import APIClient
            from docker.utils import kwargs_from_env

            where = {"base_url": self._base_url} if self._base_url else kwargs_from_env()
            # docker-py takes None for "no time limit" (it hands it to requests); its stubs say int.
            client = APIClient(version=version, timeout=timeout, **where)  # type: ignore[arg-type]
            weakref.finalize(self, client.close)
            return client


def _new_enough(said: object) -> str:
    version = str(said.get("ApiVersion", "")) if isinstance(said, dict) else ""
    if not re.fullmatch(r"\d{1,4}\.\d{1,4}", version):
        raise EngineUnavailable(
            "What listens there is not Docker Engine",
            why=f"It says {str(said)[:200]!r}.",
            next_step="docker version",
        )
    if tuple(map(int, version.split("."))) < OLDEST_API:
        raise EngineUnavailable(
            f"This Docker Engine is too old: it speaks API {version}",
            why="reprobox needs API 1.40 (Docker 19.03) or newer.",
            next_step="upgrade Docker Engine",
        )
    return version
