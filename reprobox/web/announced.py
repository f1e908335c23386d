"""Where the page of a store is served: one process at a time, and others get its address."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from reprobox.errors import RunBusy
from reprobox.kit import files

_LOCK, _FILE = "ui.lock", "ui.json"


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Makes this process the one that serves the store. A store that cannot be written may have
    several.

    Raises:
        RunBusy: another process serves it; the message says where.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(files.locked(root / _LOCK, wait=False))
        except BlockingIOError as fault:
            raise RunBusy(
                "the page of this project is served already",
                why=f"It is at {_address(root)}",
                next_step="open that address, or end it with Ctrl-C where it runs",
            ) from fault
        except OSError:
            yield
            return
        stack.callback((root / _FILE).unlink, missing_ok=True)
        yield


def announce(root: Path, address: str) -> None:
    """Writes the address down, for this user alone: it holds the token."""
    with contextlib.suppress(OSError):
        document = {"format": "reprobox.ui/1", "address": address, "pid": os.getpid()}
        files.replace(root / _FILE, json.dumps(document).encode(), 0o600)


def _address(root: Path) -> str:
    try:
        return str(json.loads((root / _FILE).read_bytes())["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return "an address that its terminal shows"
