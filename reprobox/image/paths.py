"""Where things are in an image and what its config says. Light: the no-op `build` imports this and
nothing heavy.
"""

from __future__ import annotations

import datetime
from typing import Any

from reprobox.model.image import VENV
from reprobox.model.lock import CONDA, Lock

FORMAT = 1
"""Version of the bytes that this room writes. Any change of a layer's or config's bytes raises it;
old digests stay explainable.
"""

LABEL_LOCK = "dev.reprobox.lock"
LABEL_FORMAT = "dev.reprobox.format"

PYTHON = f"/{VENV}/bin/python"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

BIG_WHEEL = 5_000_000
"""Bytes from which a wheel has a layer of its own, so that a change of a small dependency never
sends a big one again.
"""
MAX_LAYERS = 100
"""overlay2 refuses chains of 125 to 128 layers ("max depth exceeded"); this leaves room for the
engine's own on top.
"""

_BASE_KEYS = ("User", "WorkingDir", "StopSignal")


def created_of(timestamp: int) -> str:
    """Seconds since 1970 in RFC 3339, as the image-spec's `created` wants it."""
    return datetime.datetime.fromtimestamp(timestamp, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def site_packages(python_version: str) -> str:
    """Where wheels go, relative to the root of the image."""
    return f"{VENV}/lib/python{python_version}/site-packages"


def settings_of(lock: Lock, lock_digest: str) -> dict[str, Any]:
    """The image's `config` object: the base's own below ours.

    Of the base only environment, labels, user, working directory and stop signal are taken. Its
    entry point, health check and volumes are not: an experiment is exactly its argument list, and
    an anonymous volume would be a writable place that no record knows.
    """
    base = lock.base.config
    env = dict(item.partition("=")[::2] for item in base.get("Env") or ())
    conda = f"/{CONDA}/bin:" if lock.conda else ""
    env["PATH"] = f"/{VENV}/bin:{conda}{env.get('PATH') or _PATH}"
    env.update({"CONDA_PREFIX": f"/{CONDA}"} if lock.conda else {})
    env.update(lock.image_env)
    labels = {**(base.get("Labels") or {}), LABEL_LOCK: lock_digest, LABEL_FORMAT: str(FORMAT)}
    kept = {key: base[key] for key in _BASE_KEYS if base.get(key)}
    return {
        "WorkingDir": "/",
        **kept,
        "Cmd": [PYTHON],
        "Env": [f"{name}={value}" for name, value in sorted(env.items())],
        "Labels": labels,
    }
