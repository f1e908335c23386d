"""Sizes and durations as people write them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from reprobox.kit.regex import regex

_SIZE = regex(r"(\d+(?:\.\d+)?) ?([bkmgtp]?)(i?b?)", re.IGNORECASE)
_POWER = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_PART = regex(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_LONGEST = 1e9


def counted(number: int, what: str, several: str = "") -> str:
    """A number with its noun: `1 output`, `2 outputs`, `0 entries` (where `several` is given)."""
    return f"{number:,} {what if number == 1 else several or f'{what}s'}"


def lasting(seconds: float) -> str:
    """A duration for people, in the unit that fits: `7 s`, `12 min`, `3.5 h`."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{max(1, round(seconds))} s"


def human(size: float) -> str:
    """Bytes for people: 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def ago(seconds: float) -> str:
    """How long ago: `5 min ago`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"


def bytes_of(text: str) -> int:
    """A size in bytes: `512`, `64k`, `1.5g`, `2GiB`; every unit is a power of 1024, as docker reads
    them (go-units, RAMInBytes).

    Raises:
        ValueError: when the text is not a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match[2].lower() in ("", "b") and "i" in match[3].lower()):
        raise ValueError(f"not a size: {text!r}; write a number with b, k, m or g, such as 4g")
    size = float(match[1]) * 1024 ** _POWER[match[2].lower()]
    if size >= 2**63:
        raise ValueError(f"{text[:40]!r} is more than any machine has")
    return int(size)


def seconds_of(text: str) -> float:
    """A duration in seconds: `90`, `30s`, `10m`, `2h`, `1h30m`, `1d`.

    Raises:
        ValueError: when the text is not a duration.
    """
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return _bounded(float(text), text)
    parts = _PART.findall(text)
    seconds = math.fsum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text!r}; write seconds, or 30s, 10m, 2h")
    return _bounded(seconds, text)


def moments_of(text: str, now: float) -> tuple[float, float]:
    """The beginning and the end (not included) of what a date or time means, in seconds since 1970.

    A date is its whole day, a time is itself; without an offset both are UTC. A duration (`2d`,
    `12h`) is so long before `now`.

    Raises:
        ValueError: when the text is neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            # A number alone may be a year or seconds.
            before = now - seconds_of("" if text.strip().isdigit() else text)
        except ValueError:
            raise ValueError(
                f"not a date: {text!r}; write 2026-11-21, '2026-11-21 14:00' (UTC), or how long "
                "ago, as in 2d"
            ) from None
        return before, before
    start = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    whole_day = re.fullmatch(r"[0-9W-]+", text.strip()) is not None
    return start, start + 86400.0 if whole_day else start


def _bounded(seconds: float, text: str) -> float:
    if seconds >= _LONGEST:
        raise ValueError(f"{text[:40]!r} is longer than 30 years")
    return seconds
