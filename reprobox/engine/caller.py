"""As which user a run's program writes files that belong to the caller on the host.

On an ordinary engine that is the caller's own user ID. A rootless engine runs as its user, who is
ID 0 inside; every other ID is a subordinate one that may not write the caller's directories. An
engine with `userns-remap` maps all IDs to subordinate ones, and can leave that out for a container
(https://docs.docker.com/engine/security/userns-remap/).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

from reprobox.errors import EngineError
from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The user and group that stand for the caller in a container."""

    uid: int
    gid: int
    host_users: bool = False
    """Whether the container must leave out the engine's remapping."""

    @property
    def user(self) -> str:
        """As the engine takes it."""
        return f"{self.uid}:{self.gid}"


def mode(info: Mapping[str, Any]) -> str:
    """`rootless`, `remapped` or `ordinary`, by what the engine says of itself (`GET /info`)."""
    said = {
        part.partition("=")[2]
        for option in info.get("SecurityOptions") or ()
        for part in str(option).split(",")
        if part.startswith("name=")
    }
    return "rootless" if "rootless" in said else "remapped" if "userns" in said else "ordinary"


def of(info: Mapping[str, Any], socket_path: str | None) -> Caller:
    """The caller as this engine expects it.

    Args:
        socket_path: of the engine's unix socket; None where it is reached otherwise.

    Raises:
        EngineError: the engine is rootless and runs as another user, who cannot write our files.
    """
    found = mode(info)
    if found == "rootless":
        _require_own(socket_path)
        return Caller(uid=0, gid=0)
    return Caller(uid=os.getuid(), gid=os.getgid(), host_users=found == "remapped")


def _require_own(socket_path: str | None) -> None:
    if socket_path is None:
        return
    try:
        status = os.stat(socket_path)
    except OSError:
        return  # the next question to the engine says why
    if stat.S_ISSOCK(status.st_mode) and status.st_uid != os.geteuid():
        raise EngineError(
            f"the rootless engine at {socket_path} runs as user {status.st_uid}, and you are user "
            f"{os.geteuid()}",
            why="Its containers have the rights of that user, who cannot write your files.",
            next_step="work as that user, or choose another engine with DOCKER_HOST",
        )
