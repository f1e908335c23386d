"""What to expect of a replay, said before it starts."""

from __future__ import annotations

from typing import Literal

from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Which sameness a replay may expect, and why; the verdict decides."""

    sameness: Literal["same-bits", "same-bits-as-recorded", "numbers-may-differ", "unknown"]
    reasons: tuple[str, ...]
    held: bool | None = None
    """None before the replay, and where nothing was promised."""

    @property
    def promised(self) -> bool:
        """Whether equal bits are expected."""
        return self.sameness.startswith("same-bits")
