"""What every engine is to the rest of reprobox: both protocols of `model.ports`, and what commands
ask besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reprobox.engine.caller import Caller
from reprobox.model.ports import ImageEngine, RunEngine


class Engine(ImageEngine, RunEngine, Protocol):
    """A container engine. Safe to use from several threads; connected when first asked something,
    so that every method may raise EngineUnavailable.
    """

    @property
    def is_local(self) -> bool:
        """Whether the engine is on this host, as far as its address says."""

    def caller(self) -> Caller:
        """The user that stands for the caller in a run's container. Raises EngineError where this
        engine cannot give the caller files of its own.
        """

    def gpu_devices(self) -> tuple[str, ...]:
        """The CDI devices that the engine can hand over."""

    def on_terminal(self, container_id: str, argv: Sequence[str]) -> int:
        """Runs a program in a running container on the user's terminal; its exit code."""
