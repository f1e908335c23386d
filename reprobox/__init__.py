"""Run a past machine-learning experiment again, bit for bit, from its record.

`reprobox.runs`, `run`, `replay` and `sweep` are in `reprobox.api`, which is imported when one of
them is first used: the command line starts without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from reprobox.version import __version__ as __version__

if TYPE_CHECKING:
    from reprobox.api import Run as Run
    from reprobox.api import Runs as Runs
    from reprobox.api import replay as replay
    from reprobox.api import run as run
    from reprobox.api import runs as runs
    from reprobox.api import sweep as sweep

_API = ("Output", "Outputs", "Run", "Runs", "SweepResult", "replay", "run", "runs", "sweep")


def __getattr__(name: str) -> Any:
    if name in _API:
        return getattr(importlib.import_module("reprobox.api"), name)
    raise AttributeError(f"module 'reprobox' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_API])
