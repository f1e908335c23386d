"""The connection to the engine: opened when first needed, with a short first question, its API version asked once.

Why docker-py's low-level client: `docker.from_env` and the object layer on top cost more imports and one more inspect per call,
and an unchanged `build` is one inspect.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from reprobox.engine.faults import speaking
from reprobox.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker.api.client import APIClient

FIRST_SECONDS = 5
"""How long the engine may take to say its version before we call it absent."""
CALL_SECONDS = 120
"""How long one ordinary call may take; an engine under heavy disk load was seen to take tens of seconds for a create."""
OLDEST_API = (1, 40)
"""Docker 19.03: the first with device requests, that is `--gpus`."""


class Link:
    """Two clients of one engine: for ordinary calls, and for calls that last as long as their work."""

    def __init__(self, base_url: str | None = None) -> None:
        self._base_url = base_url
        self._lock = threading.Lock()
        self._quick: APIClient | None = None
        self._patient: APIClient | None = None

    def quick(self) -> APIClient:
        """The client for calls that answer soon.

        Raises:
            EngineUnavailable: no engine, not permitted, wrong DOCKER_HOST, or an engine that is too old.
        """
        with self._lock:
            if self._quick is None:
                self._quick = self._connect("auto", FIRST_SECONDS)
                self._quick.timeout = CALL_SECONDS
                _refuse_old(self._quick.api_version)
            return self._quick

    def patient(self) -> APIClient:
        """The client for loads, pulls, builds and exports: no time limit between two bytes."""
        version = self.quick().api_version
        with self._lock:
            if self._patient is None:
                self._patient = self._connect(version, None)
            return self._patient

    def _connect(self, version: str, timeout: int | None) -> APIClient:
        with speaking("reach the container engine"):
            from docker.api.client import APIClient
            from docker.utils import kwargs_from_env

            where = {"base_url": self._base_url} if self._base_url else kwargs_from_env()
            # docker-py takes None for "no time limit" (it hands it to requests); its stubs say int.
            return APIClient(version=version, timeout=timeout, **where)  # type: ignore[arg-type]


def _refuse_old(version: str) -> None:
    if tuple(int(part) for part in version.split(".")) < OLDEST_API:
        raise EngineUnavailable(
            f"This Docker Engine is too old: it speaks API {version}",
            why="reprobox needs API 1.40 (Docker 19.03) or newer.",
            next_step="upgrade Docker Engine",
        )
