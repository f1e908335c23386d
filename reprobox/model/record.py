"""The record: the whole truth of one run. Written once, never edited."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import Any, ClassVar

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import observed
from reprobox.model.image import Image
from reprobox.model.lock import Lock
from reprobox.model.observed import Observed
from reprobox.model.outcome import Exit
from reprobox.model.runspec import RunSpec
from reprobox.model.source import Source

LATEST = 1e11
"""Seconds since 1970 (in the year 5138): later times are beyond calendars, and no run's."""
UNKNOWN = 0.0
"""The duration of a run whose start or end was not observed; no program takes no time at all."""


@dataclass(frozen=True, kw_only=True)
class OutputSummary:
    """The output manifest (outputs.jsonl, a line a path) by digest."""

    manifest: str
    files: int
    size: int
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Intent:
    """intent.json: written before the container is created, so that a run that died has said what
    it wanted.
    """

    FORMAT: ClassVar[str] = "reprobox.intent/1"

    format: str = FORMAT
    id: str
    runspec: RunSpec
    identity: str
    """Digest of the RunSpec."""
    source: Source
    image: Image
    lock: Lock
    config: dict[str, Any]
    """The resolved config document."""
    overrides: tuple[str, ...] = ()
    origins: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    tags: tuple[str, ...] = ()
    replay_of: str | None = None
    parent_record: str | None = None
    """Digest of the record that is replayed."""
    created: float
    host: dict[str, Any] = field(default_factory=dict)
    """boot_id, user name, host name."""
    engine: dict[str, Any] = field(default_factory=dict)
    container: str
    """Name of the container."""
    command: tuple[str, ...] = ()
    """The reprobox command line that made the run."""
    reprobox: str
    """Version of reprobox."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """record.json: what was asked (the intent) and what was observed."""

    FORMAT: ClassVar[str] = "reprobox.record/1"

    format: str = FORMAT
    intent: Intent
    exit: Exit
    started: float
    finished: float
    duration: float
    """Seconds; UNKNOWN where start or end was not observed; then `finished` is when that was
    noticed.
    """
    outputs: OutputSummary
    stdout: str
    stderr: str
    met: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.observed  # noqa: B018 - refuses what has not the shape
        if not all(
            0 <= one < LATEST
            for one in (self.intent.created, self.started, self.finished, self.duration)
        ):
            raise ValueError("timestamp out of range")

    @cached_property
    def observed(self) -> Observed:
        """`met`, typed."""
        return observed.read(self.met)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.intent.id
