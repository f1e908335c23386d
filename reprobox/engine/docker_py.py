"""docker-py, imported whole and in one place.

Two threads that import `docker` and `docker.errors` at the same moment wait for each other: the
package imports its part, and the part its package. Python notices and hands out a half-made module,
with a traceback from 3.14 on. Under a lock, the second thread finds everything imported.
"""

from __future__ import annotations

import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker.api.client import APIClient as APIClient

_LOCK = threading.Lock()


def load(address: str = "") -> ModuleType:
    """The package, with `docker.api.client`, `docker.errors`, `docker.tls` and `docker.utils`.

    Args:
        address: of the engine that it is loaded for.
    """
    with _LOCK:
        _spare_ssh(address)
        import docker.api.client
        import docker.errors
        import docker.tls
        import docker.utils

        return docker


def _spare_ssh(address: str) -> None:
    """Keeps docker-py from importing paramiko, which it does wherever that is installed, for ssh://
    alone. That would be half of the time of its import.
    """
    if not address.startswith("ssh://"):
        sys.modules.setdefault("docker.transport.sshconn", None)  # type: ignore[arg-type]
