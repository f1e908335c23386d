"""The host's processor, as far as a profile needs it."""

from __future__ import annotations

import platform
from pathlib import Path


def cpu_flags() -> frozenset[str]:
    """Flags of the first processor, as Linux names them (`/proc/cpuinfo`); empty where there is no such file."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    for line in text.splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def machine() -> str:
    """`x86_64`, `aarch64`, ..."""
    return platform.machine()
