"""Serving the pages on 127.0.0.1, until Ctrl-C."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from reprobox.context import Context
from reprobox.errors import ReproboxError, UsageError
from reprobox.store import layout
from reprobox.web import announced, app
from reprobox.web.app import Site
from reprobox.web.guard import TOKEN, Access

_HOST = "127.0.0.1"
_GRACE = 1
"""Seconds that answers may still take when the server ends."""


def serve(
    context: Context, *, port: int, read_only: bool, ready: Callable[[str, Callable[[], str]], None]
) -> None:
    """Serves the pages of a project until the process is interrupted.

    Args:
        port: 0: any that is free.
        ready: gets the address with its token once it can be opened, and what makes another address
            that is good once.

    Raises:
        UsageError: the port is taken.
        RunBusy: another process serves this store.
    """
    root = context.runs.root
    layout.ensure(root)
    with announced.alone(root), listening(port) as listener:
        access = Access(read_only=read_only)
        site = Site(context=context, access=access, project=context.top.name)
        number = int(listener.getsockname()[1])
        server = Server(site, number)
        start = f"http://{_HOST}:{number}/?{TOKEN}="
        address = f"{start}{access.token}"
        announced.announce(root, address)
        threading.Thread(target=_read_values, args=(site,), daemon=True).start()
        ready(address, lambda: f"{start}{access.ticket()}")
        server.run(sockets=[listener])


def _read_values(site: Site) -> None:
    with suppress(ReproboxError):
        site.read_values()


def listening(port: int) -> socket.socket:
    """A socket on loopback. Raises UsageError where the port is taken."""
    try:
        return socket.create_server((_HOST, port))
    except OSError as fault:
        raise UsageError(
            f"port {port} cannot be used",
            why=fault.strerror or "",
            next_step="reprobox ui --port 0",
        ) from fault


class Server(uvicorn.Server):
    """Notifies the pages when it ends, so that a live log does not keep it; writes no log, because
    an address may hold the token.
    """

    def __init__(self, site: Site, port: int) -> None:
        self._site = site
        super().__init__(
            uvicorn.Config(
                app.build(site, port),
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=_GRACE,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the live logs first."""
        self._site.stopping.set()
        await super().shutdown(sockets)
