"""The connection to the engine: opened when first needed, with a short first question, its version
asked once.

Two clients, for two kinds of calls. `ask` is for the plain ones, of which a run consists: over a
unix socket they go through `socket_client`, without docker-py, whose import takes longer than all
of them together. `quick` and `patient` are docker-py's low-level client, for all else and for
engines at other addresses (`docker.from_env` and the object layer on top cost more imports and one
more inspect per call).
"""

from __future__ import annotations

import re
import socket
import threading
import weakref
from collections.abc import Mapping
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from reprobox.engine import docker_py, engines, socket_client
from reprobox.engine.endpoint import Endpoint
from reprobox.engine.faults import raise_for_status, speaking, unavailable
from reprobox.errors import EngineUnavailable

if TYPE_CHECKING:
    from reprobox.engine.docker_py import APIClient

FIRST_SECONDS = 5
"""How long the engine may take to say its version before we call it absent."""
CALL_SECONDS = 120
"""How long one ordinary call may take; an engine under heavy disk load was seen to take tens of
seconds for a create.
"""
OLDEST_API = (1, 40)
"""Docker 19.03: the first with device requests, that is `--gpus`."""


class Link:
    """The clients of one engine: plain calls, ordinary ones, and ones that last as their work."""

    def __init__(self, base_url: str | None = None) -> None:
        self._base_url = base_url
        self._lock = threading.Lock()
        self._first, self._second = threading.Lock(), threading.Lock()
        self._failure: EngineUnavailable | None = None
        self._quick: APIClient | None = None
        self._patient: APIClient | None = None
        self._said: dict[str, Any] | None = None
        self._info: dict[str, Any] | None = None

    def version(self) -> dict[str, Any]:
        """What the engine says of its version, asked once, by whichever thread is first.

        Raises:
            EngineUnavailable: as `quick`.
        """
        before = self._failure
        with self._first:
            if self._failure is not before and self._failure is not None:
                raise self._failure  # of the thread that was waited for
            if self._said is None:
                self._said = self._greeted()
            return self._said

    def _greeted(self) -> dict[str, Any]:
        try:
            with speaking("reach the container engine"):
                said: dict[str, Any] = self._first_answer()
            _require_new_enough(said)
        except EngineUnavailable as failure:
            self._failure = failure
            raise
        return said

    def _first_answer(self) -> Any:
        if (path := self.socket_path) is not None:
            request = socket_client.Request("GET", "/version", {}, None)
            return socket_client.ask(path, request, FIRST_SECONDS)
        # docker-py's `auto` leaves its connection open when that fails.
        asking = self._connect(".".join(map(str, OLDEST_API)), FIRST_SECONDS)
        try:
            return asking.version(api_version=False)
        finally:
            asking.close()

    def info(self) -> dict[str, Any]:
        """What the engine says of itself, asked once. To be called inside `speaking`."""
        with self._second:
            if self._info is None:
                self._info = self.ask("GET", "/info")
            return self._info or {}

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        seconds: float | None = CALL_SECONDS,
    ) -> Any:
        """One plain call of the engine's API, to be made inside `speaking`: the parsed answer, None
        where it has no document.

        Args:
            path: below the API's version, such as `/info`.
            seconds: how long each part of the answer may take; None for no limit.
        """
        versioned = f"/v{self.version()['ApiVersion']}{path}"
        if (place := self.socket_path) is not None:
            request = socket_client.Request(method, versioned, query or {}, body)
            return socket_client.ask(place, request, seconds)
        client = self.quick()
        response = client.request(
            method, f"{client.base_url}{versioned}", params=query, json=body, timeout=seconds
        )
        raise_for_status(response)
        return response.json() if response.content else None

    def quick(self) -> APIClient:
        """The client for calls that answer soon.

        Raises:
            EngineUnavailable: no engine, not permitted, wrong DOCKER_HOST, or an engine that is too
                old.
        """
        self._knock()
        with self._lock:
            if self._quick is None:
                self._quick = self._connect(self.version()["ApiVersion"], CALL_SECONDS)
            return self._quick

    def patient(self) -> APIClient:
        """The client for loads, pulls, builds and exports: no time limit between two bytes."""
        version = self.quick().api_version
        with self._lock:
            if self._patient is None:
                self._patient = self._connect(version, None)
            return self._patient

    @property
    def address(self) -> str:
        """The engine's URL."""
        return self.endpoint.address

    @cached_property
    def endpoint(self) -> Endpoint:
        """Where the engine is. Raises EngineUnavailable for a docker context that is not there."""
        return Endpoint(address=self._base_url) if self._base_url else engines.find()

    @property
    def socket_path(self) -> str | None:
        """The path of the engine's unix socket; None where it has another address."""
        url = self.address
        return url.removeprefix("unix://") if url.startswith("unix:///") else None

    def _knock(self) -> None:
        """Sees whether a process listens, before docker-py does: it leaves a socket open for each
        time that none does.
        """
        path = self.socket_path
        if path is None:
            return
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(FIRST_SECONDS)
            try:
                door.connect(path)
            except OSError as fault:
                raise unavailable("reach the container engine", fault) from fault

    def _where(self, docker: ModuleType) -> dict[str, Any]:
        """docker-py's arguments for the endpoint."""
        if self.endpoint.said_by == "DOCKER_HOST":
            return dict(
                docker.utils.kwargs_from_env()
            )  # with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH
        where: dict[str, Any] = {"base_url": self.address}
        if (tls := self.endpoint.tls) is not None:
            where["tls"] = docker.tls.TLSConfig(
                client_cert=(str(tls / "cert.pem"), str(tls / "key.pem"))
                if (tls / "cert.pem").exists()
                else None,
                ca_cert=str(tls / "ca.pem") if (tls / "ca.pem").exists() else None,
                verify=self.endpoint.verify,
            )
        return where

    def _connect(self, version: str, timeout: int | None) -> APIClient:
        with speaking("reach the container engine"):
            docker = docker_py.load(self.address)
            # docker-py takes None for "no time limit": it hands it to requests.
            client: APIClient = docker.api.client.APIClient(
                version=version, timeout=timeout, **self._where(docker)
            )
            weakref.finalize(self, client.close)
            return client


def _require_new_enough(said: object) -> None:
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
