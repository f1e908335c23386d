"""A Container as the body of the engine's `create` call. Pure; every flag of a run is decided in
this file.

Mounts go through the API's `Mounts`, never through `Binds` (`-v`): a colon breaks `-v`, and `-v`
silently creates a missing source as root. Least privilege is the default of the Container noun;
loosening is explicit there.
"""

from __future__ import annotations

from typing import Any

from reprobox.engine import seccomp
from reprobox.errors import ConfigError
from reprobox.model.outcome import Container, Mount

DEFAULTS = "all"
"""As the only capability: keep the engine's own default set (build steps run package scripts)."""
LOG_SIZE = "1m"
"""The shim writes the program's output itself, so the engine's log holds only the shim's own
words.
"""


def create_body(
    container: Container,
    *,
    devices: tuple[dict[str, Any], ...] = (),
    log_size: str | None = LOG_SIZE,
    profile_in_a_file: bool = False,
) -> dict[str, Any]:
    """The JSON body of `POST /containers/create` (Docker Engine API 1.40 and later).

    Args:
        devices: device requests, from `engine.devices`.
        log_size: rotate the engine's log at this size; None keeps all of it.
        profile_in_a_file: whether the engine takes a seccomp profile by the name of a file.

    Raises:
        ConfigError: for text that cannot be sent to the engine: bytes that are not UTF-8, NUL, an
            impossible variable name.
    """
    body = {
        "Image": container.image,
        # The whole command replaces the image's entry point: nothing of the image may stand before
        # the program.
        "Entrypoint": [container.argv[0]],
        "Cmd": list(container.argv[1:]),
        "Env": _env(container.env),
        "WorkingDir": container.workdir,
        "User": container.user or "",
        "Hostname": container.hostname,
        "Labels": dict(container.labels),
        "StopSignal": "SIGTERM",
        # A base image's health check would run a second program during the experiment.
        "Healthcheck": {"Test": ["NONE"]},
        "Tty": False,
        "OpenStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "HostConfig": {
            **_host(container, devices, log_size),
            **_privileges(container, profile_in_a_file=profile_in_a_file),
        },
    }
    _only_utf8(body, "")
    return body


def _host(
    container: Container, devices: tuple[dict[str, Any], ...], log_size: str | None
) -> dict[str, Any]:
    host: dict[str, Any] = {
        "NetworkMode": container.network,
        "ReadonlyRootfs": container.read_only,
        "Mounts": [_mount(mount) for mount in container.mounts],
        "Tmpfs": dict(container.tmpfs),
        "Init": container.init,
        # "unless-stopped" starts a run again by itself after a power loss.
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "AutoRemove": False,
        "IpcMode": "private",
        # A core file in the working directory would be an output that the next run does not have.
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        "LogConfig": _log(log_size),
    }
    host.update(_limits(container))
    if container.host_users:
        host["UsernsMode"] = "host"
    if container.network == "none":
        # Without a network the engine writes no line for the container's own name, and gloo, MPI
        # and others look it up.
        host["ExtraHosts"] = [f"{container.hostname}:127.0.0.1"]
    if devices:
        host["DeviceRequests"] = list(devices)
    return host


def _privileges(container: Container, *, profile_in_a_file: bool) -> dict[str, Any]:
    if container.capabilities == (DEFAULTS,):
        return {}
    fixed = [seccomp.option(in_a_file=profile_in_a_file)] if container.fixed_addresses else []
    return {
        "CapDrop": ["ALL"],
        "CapAdd": list(container.capabilities),
        "SecurityOpt": ["no-new-privileges", *fixed],
    }


def _limits(container: Container) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if container.cpus is not None:
        limits["NanoCpus"] = round(container.cpus * 1e9)
    if container.cpuset is not None:
        limits["CpusetCpus"] = container.cpuset
    if container.memory is not None:
        # The same for memory and memory with swap: a run that swaps is neither reproducible in time
        # nor killed honestly.
        limits["Memory"] = limits["MemorySwap"] = container.memory
    if container.shm_size is not None:
        limits["ShmSize"] = container.shm_size
    if container.pids is not None:
        limits["PidsLimit"] = container.pids
    return limits


def tmpfs(size: str) -> str:
    """Options of a temporary file system that compilers can use: the engine's default is noexec,
    which breaks JIT compilation.
    """
    return f"rw,exec,nosuid,nodev,mode=1777,size={size}"


def _log(size: str | None) -> dict[str, Any]:
    config = {} if size is None else {"max-size": size, "max-file": "1"}
    return {"Type": "json-file", "Config": config}


def _mount(mount: Mount) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }


def _env(env: dict[str, str]) -> list[str]:
    for name in env:
        if not name or "=" in name:
            raise ConfigError(
                f"{name!r} cannot be the name of an environment variable", next_step="rename it"
            )
    return [f"{name}={value}" for name, value in sorted(env.items())]


def _only_utf8(value: Any, where: str) -> None:
    """The API is JSON: the engine would replace bytes that are not UTF-8 and then mount some other
    path.
    """
    if isinstance(value, dict):
        for key, part in value.items():
            _only_utf8(key, where)
            _only_utf8(part, f"{where}/{key}")
    elif isinstance(value, list):
        for part in value:
            _only_utf8(part, where)
    elif isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as fault:
            raise ConfigError(
                f"The container engine cannot be given {value!r}",
                why=f"It is not UTF-8 ({where.strip('/')}).",
                next_step="rename the file or directory",
            ) from fault
        if "\0" in value:
            raise ConfigError(
                f"The container engine cannot be given {value!r}",
                why=f"It holds a NUL ({where.strip('/')}).",
            )
