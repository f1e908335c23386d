"""What reprobox has to know of a GPU vendor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

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
class Failure:
    """How a program says that its GPU failed it, and not its own code."""

    mark: re.Pattern[str]
    """Found in what it wrote to stderr."""
    what: str
    next_step: str


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
    failures: tuple[Failure, ...] = ()
    """The first that fits is the one that is named."""
    check: Callable[[Mapping[str, str]], Iterator[str]] = lambda gpu: iter(())
    """What limits the use of a GPU, from what the vendor's tool says of it (names of `Gpu`)."""


def older(one: str, other: str) -> bool:
    """Whether a driver's version is older than another: numbers between dots."""
    return _numbers(one) < _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts if part.isdigit())
