"""Run ids: `20261120-153012-brave-otter-3f9c`: sortable by creation (UTC), readable, unique."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from reprobox.kit.regex import regex

_ID = regex(r"\d{8}-\d{6}-[a-z]+-[a-z]+-[0-9a-f]{4}")
_LIST_LENGTH = 64


def is_id(text: str) -> bool:
    """Whether the text has the form of a run id; so it is safe to make a path of it."""
    return _ID.fullmatch(text) is not None


def created(run_id: str) -> float:
    """When the run was made, to the second, seconds since 1970; 0.0 when the id's date is none."""
    try:
        return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def new_id(now: float, taken: Callable[[str], bool] = lambda _: False) -> str:
    """A fresh id.

    Args:
        now: seconds since 1970.
        taken: whether an id is in use; `Runs.begin` decides for good, because it creates the
            directory.
    """
    adjectives, animals = _words()
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    while True:
        fresh = f"{stamp}-{_any_of(adjectives)}-{_any_of(animals)}-{os.urandom(2).hex()}"
        if not taken(fresh):
            return fresh


def _any_of(words: Sequence[str]) -> str:
    """As `secrets.choice`, whose import takes two milliseconds; each word of 64 is as likely."""
    return words[int.from_bytes(os.urandom(4)) % len(words)]


@functools.cache
def _words() -> tuple[list[str], list[str]]:
    # Not importlib.resources, which imports zipfile and tempfile for a file that lies next to this.
    text = Path(__file__).with_name("words.txt").read_text(encoding="ascii")
    words = " ".join(line for line in text.splitlines() if not line.startswith("#")).split()
    return words[:_LIST_LENGTH], words[_LIST_LENGTH:]
