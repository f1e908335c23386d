"""settings.yaml of the user: which engine this machine's runs get. It is the machine's business, so
no experiment's config has it, and no record is changed by it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reprobox.errors import EngineUnavailable

_KEYS = ("engine", "apptainer")


def place(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the file is looked for."""
    folder = environment.get("XDG_CONFIG_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".config"
    )
    return Path(folder) / "reprobox" / "settings.yaml"


def read(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`engine` (a name) and `apptainer` (a directory), as far as the file has them.

    Raises:
        EngineUnavailable: it is there and cannot be read, or says something else.
    """
    path = place(environment)
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as fault:
        raise _wrong(path, str(fault)) from fault
    from reprobox.kit import plain_yaml

    try:
        found = plain_yaml.load(data) or {}
    except ValueError as fault:
        raise _wrong(path, str(fault)) from fault
    return _checked(path, found)


def _checked(path: Path, found: Any) -> dict[str, str]:
    if not isinstance(found, dict):
        raise _wrong(path, "it is not a mapping of keys to values")
    for key, value in found.items():
        if key not in _KEYS:
            raise _wrong(path, f"it has the key {key!r}; there are {' and '.join(_KEYS)}")
        if not isinstance(value, str) or not value:
            raise _wrong(path, f"`{key}` is not a text")
    return dict(found)


def _wrong(path: Path, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{path} cannot be used, so the engine is not known",
        why=why,
        next_step=f"correct or remove {path}",
    )
