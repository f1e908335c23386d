"""Parameters in YAML: Hydra's resolved config, Lightning's hparams, W&B's and DVCLive's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reprobox.kit import plain_yaml
from reprobox.trackers.reading import Reading, Unreadable, flat


def _load(path: Path) -> Any:
    try:
        return plain_yaml.load(path.read_bytes())
    except ValueError as error:
        raise Unreadable(str(error)) from error


def read_params(path: Path, _: Mapping[str, str]) -> Reading:
    """Every scalar as a parameter by its dotted name."""
    value, found = _load(path), Reading()
    for name, leaf in flat(value if isinstance(value, dict) else {}):
        found.param(name, leaf)
    return found


def read_wandb_config(path: Path, _: Mapping[str, str]) -> Reading:
    """W&B's files/config.yaml: each key has `value`; `_wandb` is W&B's own."""
    value, found = _load(path), Reading()
    for key, entry in (value if isinstance(value, dict) else {}).items():
        if key != "_wandb" and isinstance(entry, dict) and "value" in entry:
            for name, leaf in flat({key: entry["value"]}):
                found.param(name, leaf)
    return found
