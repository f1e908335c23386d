"""What a comparison found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

FileState = Literal[
    "identical", "different", "missing", "extra", "equal-under-rule", "ignored", "not-checked"
]
Class = Literal["identical", "equal-under-rule", "different", "not-checked"]


@dataclass(frozen=True, kw_only=True)
class FileVerdict:
    """One path on both sides."""

    path: str
    state: FileState
    size: int | None = None
    ours: str | None = None
    theirs: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    """Format level: first differing byte, tensor, cell; distances in ulp, absolute, relative."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A difference in what was met or asked, that may explain the bits; the most specific first."""

    what: str
    ours: str
    theirs: str
    advice: str
    weight: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The comparison of two runs. `left` is the original, `right` the replay."""

    FORMAT: ClassVar[str] = "reprobox.verdict/1"

    format: str = FORMAT
    left: str
    right: str
    left_record: str
    """Digests of the two records."""
    right_record: str
    result: Class
    files: tuple[FileVerdict, ...]
    exit_equal: bool
    ended: str = ""
    """How the two ended, in words; empty where both ended by themselves with exit code 0."""
    stdout_equal: bool | None = None
    causes: tuple[Cause, ...] = ()
    trail: dict[str, Any] | None = None
    """First step and tensor that differ, where both runs have a trail."""
    notes: tuple[str, ...] = ()
    forecast: dict[str, Any] | None = None
    """Of a replay: `sameness` that was expected here, `reasons`, and whether it `held` (null where
    nothing was promised).
    """
    checked: float = 0.0
    """When, seconds since 1970."""

    @property
    def same(self) -> bool:
        """Whether the promise held (identical, or equal under a rule that the user declared)."""
        return self.result in ("identical", "equal-under-rule")
