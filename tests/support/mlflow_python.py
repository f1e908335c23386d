"""An interpreter that has MLflow, for a real tracking server."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from torch_python import _made

_NAMED = os.environ.get("REPROBOX_MLFLOW_PYTHON")
PACKAGES = ("mlflow==3.17.2",)


@cache
def mlflow_python() -> Path:
    """The interpreter; built once where there is none (about a minute, 700 MB)."""
    return Path(_NAMED) if _NAMED else _made("mlflow", PACKAGES)
