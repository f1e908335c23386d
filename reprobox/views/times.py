"""Moments and durations of runs in words."""

from __future__ import annotations

import time

from reprobox.model.record import UNKNOWN, Record


def took(seconds: float | None) -> str:
    """How long a run took; empty while it runs."""
    return "" if seconds is None else "unknown" if seconds == UNKNOWN else f"{seconds:.1f} s"


def lasted(record: Record) -> str:
    """`after 1.5 s`."""
    return (
        "after an unknown time" if record.duration == UNKNOWN else f"after {took(record.duration)}"
    )


def when(seconds: float) -> str:
    """A UTC time; seconds since 1970 where no calendar has it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g} s after 1970"
