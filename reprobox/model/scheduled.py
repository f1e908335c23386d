"""A run that a scheduler executes: what was submitted, and each try to execute it."""

from __future__ import annotations

from typing import ClassVar

from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """scheduled.json, in the run's directory."""

    FORMAT: ClassVar[str] = "reprobox.scheduled/1"

    format: str = FORMAT
    executor: str
    cluster: str = ""
    name: str
    """Of the job, by which it is found where its id was not noted."""
    job: str = ""
    """The scheduler's id, `12` or `12_3`; empty while it is being submitted."""
    task: int = 0
    tasks: int = 1
    """Which task of the batch executes it, and how many tasks the batch has."""
    grace: float
    """Seconds between TERM and KILL that fit into what the scheduler gives a job to end."""
    alone: bool = True
    """Whether the job executes no other run, so that ending the job ends this run."""
    submitted: float


@dataclass(frozen=True, kw_only=True)
class Try:
    """attempt.json: one try to execute a run, written by the worker that makes it."""

    FORMAT: ClassVar[str] = "reprobox.attempt/1"

    format: str = FORMAT
    name: str
    node: str
    job: str = ""
    began: float
    ended: float | None = None
    outcome: str = ""
    """`published`, `same`, `different`, `interrupted` or `failed`; empty while it runs, and
    where its worker died.
    """
    why: str = ""
