"""Where the engine is: DOCKER_HOST, else the docker context that `docker` itself would use.

The order is that of docker's command line (docker/cli, cli/command/cli.go, resolveContextName):
DOCKER_HOST, DOCKER_CONTEXT, `currentContext` of config.json, the usual socket. A context is a
directory named by the SHA-256 of its name, with `meta.json` and TLS files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reprobox.errors import EngineUnavailable
from reprobox.kit.lazy_dataclass import dataclass

DEFAULT_URL = "unix:///var/run/docker.sock"
_TLS_FILES = ("ca.pem", "cert.pem", "key.pem")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An engine's address, and how it was chosen."""

    address: str = DEFAULT_URL
    said_by: str = ""
    """`DOCKER_HOST`, or `docker context NAME`; empty for the usual socket."""
    tls: Path | None = None
    """The context's directory of ca.pem, cert.pem and key.pem."""
    verify: bool = True

    @property
    def where(self) -> str:
        """The address for people; empty for the usual socket."""
        return f"{self.address} ({self.said_by})" if self.said_by else ""

    @property
    def undo(self) -> str:
        """The command that goes back to the usual socket."""
        if self.said_by == "DOCKER_HOST":
            return "unset DOCKER_HOST"
        return "unset DOCKER_CONTEXT; docker context use default"


def find(environment: Mapping[str, str] = os.environ) -> Endpoint:
    """The endpoint that docker would use.

    Raises:
        EngineUnavailable: the context is not there, or cannot be read.
    """
    if host := environment.get("DOCKER_HOST"):
        return Endpoint(address=host, said_by="DOCKER_HOST")
    top = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = environment.get("DOCKER_CONTEXT") or _current(top / "config.json")
    return Endpoint() if name in ("", "default") else _of_context(top, name)


def _current(config: Path) -> str:
    # os.access does not raise where the directory is another user's, as after `sudo`.
    found = _read(config, "docker's settings") if os.access(config, os.R_OK) else {}
    return str(found.get("currentContext") or "")


def _of_context(top: Path, name: str) -> Endpoint:
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = top / "contexts" / "meta" / key / "meta.json"
    if not meta.exists():
        raise EngineUnavailable(
            f"there is no docker context {name!r}",
            why=f"Looked for {meta}.",
            next_step="docker context ls",
        )
    endpoint = (_read(meta, f"the docker context {name!r}").get("Endpoints") or {}).get("docker")
    if not isinstance(endpoint, dict):
        raise EngineUnavailable(
            f"the docker context {name!r} names no engine",
            next_step=f"docker context inspect {name}",
        )
    tls = top / "contexts" / "tls" / key / "docker"
    return Endpoint(
        address=str(endpoint.get("Host") or DEFAULT_URL),
        said_by=f"docker context {name}",
        tls=tls if any((tls / file).exists() for file in _TLS_FILES) else None,
        verify=not endpoint.get("SkipTLSVerify"),
    )


def _read(path: Path, what: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise EngineUnavailable(
            f"{what} cannot be read, so the engine is not known",
            why=f"{path}: {fault}",
            next_step=f"correct or remove {path}",
        ) from fault
    return found if isinstance(found, dict) else {}
