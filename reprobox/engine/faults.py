"""Failures of a conversation with an engine become ours here, once, by what went wrong on the wire
and never by the wording of docker-py's classes.

docker-py chooses some of its 404 classes by message text, and a lost connection reaches us as any
of requests', urllib3's and the system's own exceptions, nested in each other's arguments. So:
status codes where there was an answer, the innermost system error where there was none.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import Any

from reprobox.engine import docker_py, engines
from reprobox.engine.endpoint import Endpoint
from reprobox.engine.socket_client import RefusedError
from reprobox.errors import (
    EngineError,
    EngineUnavailable,
    GpuUnavailable,
    ImageMissing,
    ReproboxError,
)

_GPU_WORDS = (
    "could not select device driver",
    "nvidia-container",
    "nvidia runtime",
    "runtime name: nvidia",
    "cdi device",
    "unresolvable cdi",
)
_GPU_NEXT = (
    "install the NVIDIA driver and the NVIDIA Container Toolkit and restart Docker (`nvidia-smi` "
    "must work on this host), "
    "or leave `--gpus` out"
)


@contextlib.contextmanager
def speaking(what: str) -> Iterator[None]:
    """Turns every failure of a conversation with the engine into one of reprobox's.

    Args:
        what: what we were about to do, as an infinitive ("create the container x").

    Raises:
        EngineUnavailable: no engine answers, or this user may not speak to it.
        ImageMissing: a 404 that speaks of an image.
        GpuUnavailable: the engine cannot hand over GPUs.
        EngineError: any other refusal; `status_of` gives its HTTP status.
    """
    try:
        yield
    except RefusedError as fault:
        raise _refused(what, fault.status_code, fault.explanation) from fault
    except _of_docker("APIError") as fault:
        status = getattr(fault, "status_code", None)
        raise _refused(what, status or 0, _explanation(fault)) from fault
    except _no_answer() as fault:
        raise unavailable(what, fault) from fault


def _no_answer() -> tuple[type[Exception], ...]:
    return (OSError, *_of_docker("DockerException", "StreamParseError", "HTTPError"))


def _of_docker(*names: str) -> tuple[type[Exception], ...]:
    """docker-py's and urllib3's errors of these names; none as long as they were not imported, for
    then no user can have raised them either.
    """
    modules = [sys.modules.get(name) for name in ("docker.errors", "urllib3.exceptions")]
    return tuple(
        found for module in modules for name in names if (found := getattr(module, name, None))
    )


def raise_for_status(response: Any) -> None:
    """Raises docker-py's error for a refusal, inside `speaking`, for calls that docker-py has no
    method for.
    """
    try:
        response.raise_for_status()
    except OSError as refused:
        docker_py.load().errors.create_api_error_from_http_exception(refused)


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error that `speaking` raised; None when there was no answer."""
    status = getattr(error.__cause__, "status_code", None)
    return status if isinstance(status, int) else None


def _explanation(fault: object) -> str:
    text = getattr(fault, "explanation", None) or str(fault)
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _refused(what: str, status: int, why: str) -> ReproboxError:
    said = why.lower()
    if gpu_refusal(said):
        return GpuUnavailable(
            f"Could not {what}: the engine cannot hand over GPUs", why=why, next_step=_GPU_NEXT
        )
    if status == 404 and any(
        word in said for word in ("image", "manifest", "repository", "reference")
    ):
        return ImageMissing(
            f"Could not {what}: the image is not there", why=why, next_step="reprobox build"
        )
    return EngineError(f"Could not {what}: the engine refused", why=why, next_step=_advice(said))


def _advice(said: str) -> str:
    if "no space left" in said:
        return "free space below Docker's data root (`docker system df` shows what it holds)"
    if "bind source path does not exist" in said:
        return (
            "use an engine that sees this directory: this one is on another host, or in a container"
        )
    if "rlimit" in said or "ulimit" in said:
        return "ask for less, or raise the limit of the Docker service"
    if "unauthorized" in said or "denied" in said:
        return "docker login, then try again"
    return ""


def gpu_refusal(message: str) -> bool:
    """Whether the engine's words are about GPUs that it cannot hand over."""
    said = message.lower()
    return any(words in said for words in _GPU_WORDS)


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """The error and everything nested in it; requests and urllib3 nest in arguments, Python in
    __cause__ and __context__.
    """
    todo: list[BaseException] = [fault]
    seen: set[int] = set()
    while todo:
        error = todo.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        nested = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
        todo.extend(part for part in nested if isinstance(part, BaseException))


def timed_out(fault: BaseException) -> bool:
    """Whether the engine was there but did not answer in time."""
    return any(
        isinstance(error, TimeoutError) or type(error).__name__ == "ReadTimeoutError"
        for error in _chain(fault)
    )


def unavailable(what: str, fault: BaseException) -> EngineUnavailable:
    """The reason why no engine answers, each with its own next step."""
    chosen = _chosen()
    where = f" at {chosen.where}" if chosen.where else ""
    found = list(_chain(fault))
    if "paramiko" in str(fault) and chosen.address.startswith("ssh://"):
        return EngineUnavailable(
            f"Could not {what}: an engine at {chosen.address} is reached by ssh",
            why="That needs the package paramiko.",
            next_step="pip install 'reprobox[ssh]'",
        )
    if any(isinstance(error, PermissionError) for error in found):
        return EngineUnavailable(
            f"Could not {what}: this user may not use Docker{where}",
            why="The engine's socket is not open to this user.",
            next_step="sudo usermod -aG docker $USER, then log in again",
        )
    if any(isinstance(error, FileNotFoundError | ConnectionRefusedError) for error in found):
        return EngineUnavailable(
            f"Could not {what}: Docker is not running{where}",
            why=str(fault),
            next_step=_start_it(chosen),
        )
    if timed_out(fault):
        return EngineUnavailable(
            f"Could not {what}: Docker{where} does not answer",
            why=str(fault),
            next_step="sudo systemctl restart docker",
        )
    if chosen.said_by and (
        any(isinstance(error, socket.gaierror) for error in found) or "bind address" in str(fault)
    ):
        return EngineUnavailable(
            f"Could not {what}: {chosen.said_by} is wrong",
            why=f"{chosen.address}: {fault}",
            next_step=chosen.undo,
        )
    return EngineUnavailable(
        f"Could not {what}: the connection to Docker{where} failed",
        why=str(fault),
        next_step="docker version",
    )


def _chosen() -> Endpoint:
    """The endpoint in use; the usual one where what names it is itself the trouble."""
    try:
        return engines.find()
    except EngineUnavailable:
        return Endpoint()


def _start_it(chosen: Endpoint) -> str:
    if chosen.said_by:
        return f"start the engine that {chosen.said_by} names, or {chosen.undo}"
    from shutil import which

    if which("dockerd") is None:
        return "install Docker Engine (Debian and Ubuntu: sudo apt-get install docker.io)"
    return "sudo systemctl start docker"
