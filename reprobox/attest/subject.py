"""What a statement can be made of: a run, and the verdict on it where there is one."""

from __future__ import annotations

from pathlib import Path

from reprobox.errors import UsageError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict, and the run that it holds the other one against."""

    original: Record
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A run, as the exporters take it."""

    record: Record
    digest: str
    """Of the record's stored bytes."""
    outputs: tuple[OutputFile, ...]
    directory: Path
    """Of the run."""
    record_bytes: bytes = b""
    """The whole record, which `digest` names; on the disk it may be shorter."""
    judged: Judged | None = None
    """The newest verdict on it."""
    license: str = ""

    @property
    def title(self) -> str:
        return self.record.intent.name or f"reprobox run {self.record.id}"

    def require_verdict(self) -> Judged:
        """The newest verdict. Raises UsageError where there is none."""
        if self.judged is None:
            raise UsageError(
                f"run {self.record.id} has no verdict, which this format is made from",
                next_step=f"reprobox replay {self.record.id}, and name the replay",
            )
        return self.judged
