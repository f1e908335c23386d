"""A mark of ours in the engine: an empty volume whose label holds random text.

No answer of an engine names it for certain: its ID comes from a file that several engines of one
host may share (`/etc/docker/key.json`), and its name is the host's. A volume lies in the engine's
own storage, outlives its restarts, and making one that exists gives the existing one, so the first
caller decides.
"""

from __future__ import annotations

import os
from typing import Any, cast

from reprobox.engine.faults import speaking, status_of
from reprobox.engine.link import Link
from reprobox.errors import EngineError, ReproboxError

VOLUME = "reprobox-engine"
LABEL = "dev.reprobox.engine"


def read(link: Link) -> str:
    """The mark; empty where the engine has none."""
    try:
        with speaking("look at the volume that marks this engine"):
            return _mark(link.ask("GET", f"/volumes/{VOLUME}"))
    except ReproboxError as refused:
        if status_of(refused) == 404:
            return ""
        raise


def make(link: Link) -> str:
    """The mark, made where there is none; empty where the engine makes no volumes for us."""
    try:
        with speaking("make the volume that marks this engine"):
            body = {"Name": VOLUME, "Labels": {LABEL: os.urandom(16).hex()}}
            return _mark(link.ask("POST", "/volumes/create", body=body))
    except EngineError:
        # An engine behind a proxy that allows few calls. Its ID and place have to do.
        return ""


def _mark(volume: Any) -> str:
    labels = cast("dict[str, Any]", volume).get("Labels") or {}
    return str(labels.get(LABEL, ""))
