"""What reprobox has to know of a GPU vendor."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Required:
    """What packages of a lock need of the host's driver."""

    by: str
    """The package, with its version."""
    what: str
    """Such as `CUDA 12`."""
    driver: str
    """The oldest driver that serves it."""


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """A GPU vendor."""

    name: str
    cdi_kind: str
    """How its devices are named in the Container Device Interface, without `=device`."""
    runtime: str
    """The runtime's name in `docker info` where its toolkit is installed."""
    toolkit: str
    """What to do where GPUs cannot be handed over."""
    required: Callable[[Iterable[tuple[str, str]]], Required | None]
    """What (package, version) pairs of a lock need of the driver; None where none of them says."""


def older(one: str, other: str) -> bool:
    """Whether a driver's version is older than another: numbers between dots."""
    return _numbers(one) < _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts if part.isdigit())
