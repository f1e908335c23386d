"""States of containers, without an engine."""

from __future__ import annotations

from reprobox.model.outcome import ContainerState


def no_container(_: str) -> ContainerState | None:
    return None


def a_container(status: str, code: int | None = None) -> ContainerState:
    return ContainerState(id="f" * 64, name="x", status=status, exit_code=code)  # type: ignore[arg-type]
