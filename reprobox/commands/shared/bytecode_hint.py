"""Whether an environment should have its byte code compiled: half the time of imports, where the
packages are large.

A config without the key keeps meaning "no". The digest by which a lock answers its config holds the
value, and locks lie in repositories: another default would make each of them stale, and its image
another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprobox.model.record import Intent

LARGE = 100 << 20
"""Bytes of packages from which imports take a second or more: torch, jax, tensorflow."""


def advice(intent: Intent) -> str:
    """What to write into the config; empty where the key is written, or the packages are small."""
    lock = intent.lock
    size = sum(one.size for one in lock.wheels) + sum(one.size for one in lock.conda)
    if lock.bytecode or size < LARGE or _is_written(intent.config):
        return ""
    return (
        f"`bytecode: true` in reprobox.environment of {intent.runspec.config_path} halves the time "
        "of imports; it makes another image, so then: reprobox lock"
    )


def _is_written(config: Mapping[str, Any]) -> bool:
    ours = config.get("reprobox")
    environment = ours.get("environment") if isinstance(ours, dict) else None
    return isinstance(environment, dict) and "bytecode" in environment
