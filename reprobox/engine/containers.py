"""The run side of an engine: create, start, wait, remove. Never attached, never auto-removed, so a
run outlives its supervisor.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from reprobox.engine import container_state, create_body, limits
from reprobox.engine.engines import EngineKind, kind_of
from reprobox.engine.faults import speaking, status_of
from reprobox.engine.link import CALL_SECONDS, Link
from reprobox.errors import EngineError, EngineUnavailable, GpuUnavailable, ReproboxError
from reprobox.model.outcome import Container, ContainerState

if TYPE_CHECKING:
    from reprobox.engine.gpu.probe import GpuProbe

_LIVE = ("running", "paused", "restarting", "removing")
_GONE = (404, 409)
"""Answers to a call about a container that is not there, is being removed, or is not running any
more.
"""


class Containers:
    """The part of `RunEngine` that is about containers."""

    patience: float = 600.0
    """Seconds that `wait` lets an engine be away (an upgrade, a restart) before it gives up."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @functools.cached_property
    def _gpus(self) -> GpuProbe:
        from reprobox.engine.gpu.probe import GpuProbe

        return GpuProbe(self._link)

    def gpus_offered(self) -> str | None:
        """How GPUs can be handed over here: `nvidia` (--gpus), `cdi`, or None."""
        return self._gpus.offered()

    def create(self, container: Container, *, log_size: str | None = create_body.LOG_SIZE) -> str:
        """Creates a named, labelled container; its ID. One of that name and these labels that
        exists already is taken.

        Args:
            log_size: how much of the container's own output the engine keeps; None for all of it.

        Raises:
            GpuUnavailable: GPUs are asked for and cannot be handed over; nothing has been created.
            ImageMissing: the image is not in the engine.
            EngineError: the engine refuses, or the name belongs to another container.
        """
        body = create_body.create_body(
            self._limited(container),
            devices=self._devices(container.gpus),
            log_size=log_size,
            profile_in_a_file=self._kind().profile_in_a_file,
        )
        try:
            with speaking(f"create the container {container.name}"):
                query = {"name": container.name}
                made = self._link.ask("POST", "/containers/create", query=query, body=body)
                return cast("str", made["Id"])
        except EngineError as refused:
            if status_of(refused) != 409:
                raise
            return self._take(container, refused)

    def _limited(self, container: Container) -> Container:
        with speaking("ask the engine about its limits"):
            return limits.applied(container, limits.held(self._link.info(), self._kind()))

    def _kind(self) -> EngineKind:
        return kind_of(self._link.version())

    def _devices(self, asked: str | None) -> tuple[dict[str, Any], ...]:
        if asked is None:
            return ()
        from reprobox.engine.gpu import requests

        request = requests.parse(asked)
        offered = self.gpus_offered()
        if offered is None:
            raise self._gpus.refusal(asked)
        wanted = requests.device_requests(request, offered)
        self._refuse_unknown(asked, [name for one in wanted for name in requests.cdi_names(one)])
        return wanted

    def _refuse_unknown(self, asked: str, names: list[str]) -> None:
        """Engines answer an unknown CDI device at the start only, and do not say which exist."""
        known = self._gpus.known() if names else ()
        if known and (unknown := sorted(set(names) - set(known))):
            raise GpuUnavailable(
                f"`gpus: {asked}` was asked for, and there is no device {', '.join(unknown)}",
                why=f"There are: {', '.join(known)}.",
                next_step="name one of these, or fewer GPUs",
            )

    def _take(self, container: Container, refused: EngineError) -> str:
        """The container that holds our name already, when it is ours: the first request of a
        process that died was executed.
        """
        there = self.state(container.name)
        if there is None or not container.labels or container.labels.items() - there.labels.items():
            raise refused
        return there.id

    def start(self, container_id: str) -> None:
        """Starts it; already running is fine.

        A program that is not in the image is not an error of the engine: `state` then gives exit
            code 127 or 126 and the reason.

        Raises:
            GpuUnavailable: the GPUs cannot be handed over.
            EngineError: any other refusal.
        """
        try:
            with speaking(f"start the container {container_id[:12]}"):
                self._link.ask("POST", f"/containers/{container_id}/start")
        except GpuUnavailable:
            raise
        except EngineError:
            there = self.state(container_id)
            if there is None or there.status != "created" or there.exit_code is None:
                raise

    def state(self, container_id: str) -> ContainerState | None:
        """By ID or name; None when there is none."""
        if not container_state.is_name(container_id):
            return None
        try:
            with speaking(f"look at the container {container_id[:64]}"):
                return container_state.read(
                    self._link.ask("GET", f"/containers/{container_id}/json")
                )
        except ReproboxError as refused:
            if status_of(refused) != 404:
                raise
            return None

    def wait(self, container_id: str, timeout: float | None = None) -> ContainerState:
        """Blocks until it has ended (reconnecting when the engine restarts), or `timeout` seconds;
        the state either way.

        Raises:
            EngineError: the container is gone.
            EngineUnavailable: the engine has been away for longer than `patience` seconds, or to
                the end of `timeout`.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        away_since: float | None = None
        while True:
            try:
                # Asked first: the engine answers at once for one that is not running.
                self._block(container_id, deadline)
                there = self._present(container_id)
                if there.status not in _LIVE or time.monotonic() >= deadline:
                    return there
                away_since = None
            except EngineUnavailable:
                now = time.monotonic()
                away_since = now if away_since is None else away_since
                if now >= deadline or now - away_since > self.patience:
                    raise
                time.sleep(min(1.0, 0.05 + (now - away_since) / 4))

    def _present(self, container_id: str) -> ContainerState:
        there = self.state(container_id)
        if there is None:
            raise EngineError(
                f"the container {container_id[:12]} is gone", why="Another process removed it."
            )
        return there

    def _block(self, container_id: str, deadline: float) -> None:
        """One blocking question; returns when the container has ended, its removal is done, or time
        is up.
        """
        left = None if deadline == math.inf else max(0.01, deadline - time.monotonic())
        try:
            with speaking(f"wait for the container {container_id[:12]}"):
                self._link.ask(
                    "POST",
                    f"/containers/{container_id}/wait",
                    query={"condition": "not-running"},
                    seconds=left,
                )
        except EngineUnavailable:
            if time.monotonic() < deadline:
                raise
        except EngineError as refused:
            if status_of(refused) != 404:
                raise

    def stop(self, container_id: str, grace: float) -> None:
        """TERM, then KILL after `grace` seconds (rounded up to whole ones); absent or already
        stopped is fine.

        A container that has just started is given the moment that its first process needs to
        listen: until then the kernel drops TERM (a process 1 without a handler), and the whole
        grace would pass in vain.
        """
        there = self.state(container_id)
        if there is None or there.status not in _LIVE:
            return
        time.sleep(container_state.until_it_listens(there))
        with self._tolerant(f"stop the container {container_id[:12]}"):
            self._link.ask(
                "POST",
                f"/containers/{container_id}/stop",
                query={"t": str(math.ceil(grace))},
                seconds=math.ceil(grace) + CALL_SECONDS,
            )

    def signal(self, container_id: str, name: str) -> None:
        """Sends its first process a signal, once it listens (see `stop`); absent or already stopped
        is fine.
        """
        there = self.state(container_id)
        if there is None or there.status not in _LIVE:
            return
        time.sleep(container_state.until_it_listens(there))
        self._kill(container_id, {"signal": name})

    def kill(self, container_id: str) -> None:
        """KILL at once; absent or already stopped is fine."""
        if container_state.is_name(container_id):
            self._kill(container_id, {})

    def _kill(self, container_id: str, query: dict[str, str]) -> None:
        with self._tolerant(f"kill the container {container_id[:12]}"):
            self._link.ask("POST", f"/containers/{container_id}/kill", query=query)

    def remove(self, container_id: str) -> None:
        """Forgets it and its anonymous volumes, running or not; absent or being removed is fine."""
        if not container_state.is_name(container_id):
            return  # no container has it; put into an address, `a/../b` would mean another one
        with self._tolerant(f"remove the container {container_id[:12]}"):
            query = {"v": "1", "force": "1"}
            self._link.ask("DELETE", f"/containers/{container_id}", query=query)

    def find(self, labels: dict[str, str]) -> list[ContainerState]:
        """All containers with these labels, running or not; those that vanish while we look are
        left out.
        """
        wanted = [f"{name}={value}" for name, value in labels.items()]
        with speaking("list containers"):
            query = {"all": "1", "filters": json.dumps({"label": wanted})}
            listed = self._link.ask("GET", "/containers/json", query=query)
        found = [self.state(entry["Id"]) for entry in listed]
        return [there for there in found if there is not None]

    def logs(self, container_id: str) -> bytes:
        """What the engine has of its output: for build steps and for the shim's own words. Not
        byte-exact.
        """
        with speaking(f"read the log of the container {container_id[:12]}"):
            return self._link.quick().logs(container_id, stdout=True, stderr=True)

    @contextlib.contextmanager
    def _tolerant(self, what: str) -> Iterator[None]:
        try:
            with speaking(what):
                yield
        except EngineError as refused:
            if status_of(refused) not in _GONE:
                raise
