"""What is said of runs after they were started: names, tags, notes. Records never change."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from reprobox.context import Context
from reprobox.executor import reconcile


def annotate(
    context: Context, references: Sequence[str], entries: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Adds entries (see store/annotation_log) to runs, all or none; the runs' ids.

    Raises:
        RunNotFound, RunAmbiguous: nothing is changed.
    """
    ids = list(dict.fromkeys(reconcile.find_all(context, references)))
    said = {"at": context.clock(), "by": f"{_user()}@{socket.gethostname()}"}
    context.runs.annotate([{"run": run, **said, **entry} for run in ids for entry in entries])
    return ids


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
