"""Opens a remote store by its address."""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reprobox.errors import UsageError
from reprobox.kit.regex import regex
from reprobox.kit.text import shown
from reprobox.store.remotes.base import Place
from reprobox.store.remotes.kinds import EXAMPLES, REMOTES
from reprobox.store.remotes.remote_store import RemoteStore

_SCHEME = regex(r"([A-Za-z][A-Za-z0-9+.-]*):(//.*)", re.DOTALL)
_SCP = regex(r"(?P<host>[^/:\s]*):(?P<path>.*)", re.DOTALL)
"""`user@host:path`, as scp and git write it: no slash before the first colon (git-fetch(1))."""


@contextlib.contextmanager
def open_remote(url: str) -> Iterator[RemoteStore]:
    """Opens a remote store.

    Raises:
        UsageError: the address is of no known kind, or not a valid one.
        StoreError: it cannot be reached.
    """
    place = _place(url)
    try:
        yield RemoteStore(place)
    finally:
        place.close()


def _place(url: str) -> Place:
    scheme, rest = _parts(url)
    kind = next((kind for kind in REMOTES if scheme in kind.schemes), None)
    if kind is None:
        raise UsageError(
            f"{shown(url)} is not an address of a store",
            why=f"No kind of store has the scheme {scheme}://.",
            next_step=f"write one such as {EXAMPLES}",
        )
    module = importlib.import_module(f"reprobox.store.remotes.{kind.module}")
    opened: Any = getattr(module, kind.name)
    place: Place = opened(rest if scheme == "file" else f"{scheme}:{rest}")
    return place


def _parts(url: str) -> tuple[str, str]:
    """The scheme of an address, in lower case, and what follows it; of a directory its path."""
    if not url or "\0" in url:
        raise UsageError(
            f"'{shown(url)}' is not an address of a store",
            next_step=f"write one such as {EXAMPLES}",
        )
    if match := _SCHEME.fullmatch(url):
        scheme, rest = match[1].lower(), match[2]
        return scheme, rest.removeprefix("//") if scheme == "file" else rest
    if (match := _SCP.fullmatch(url)) and not Path(url).exists():
        path = match["path"]
        # A relative path is below the home directory there.
        return "ssh", f"//{match['host']}{path if path.startswith('/') else f'/~/{path}'}"
    return "file", url
