"""From the packages of a lock to the files to take: the best wheel, else the source to build."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reprobox.errors import ResolveError
from reprobox.lock.candidate import Candidate, best
from reprobox.lock.formats.package import Package
from reprobox.lock.target import Target


def select(
    packages: Iterable[Package], target: Target, *, where: str, build: bool = True
) -> list[Candidate]:
    """The best wheel of each package that applies, else its source distribution.

    Args:
        build: whether source distributions are built into wheels.

    Raises:
        ResolveError: some have neither, with the reason for each.
    """
    chosen: list[Candidate] = []
    refused: list[str] = []
    pins: list[str] = []
    for package in packages:
        if not package.applies:
            continue
        found = best(package.wheels, target) or (package.source if build else None)
        if found is None:
            refused.append(f"{package.name} {package.version}: {_reason(package)}")
            pins += [f"{package.name}=={package.version}"] if package.source else []
        else:
            chosen.append(found)
    if refused:
        raise ResolveError(
            f"{where}: no wheel for {len(refused)} package(s)",
            why="\n".join(refused),
            next_step=build_once(pins) if pins else _NO_SOURCE,
        )
    return chosen


_NO_SOURCE = "ask for versions that have a wheel for this interpreter and platform"


def build_once(pins: Sequence[str]) -> str:
    """How the wheels of source distributions are made by hand."""
    words = " ".join(f"'{pin}'" for pin in pins)
    return (
        f"take `build: no` out of the config, or build once by hand: `pip wheel --no-deps {words} "
        "-w DIR`, name DIR in pip's find-links, and lock again"
    )


def _reason(package: Package) -> str:
    if "vcs" in package.other or "directory" in package.other:
        return "it comes from a repository or directory, which has no hash to lock"
    if package.source is not None:
        return "it comes as source only (sdist), and the config says `build: no`"
    if package.wheels:
        return (
            "none of its wheels fits this interpreter and platform ("
            + ", ".join(_shortest(package))
            + ")"
        )
    return "it has neither a wheel nor a source distribution with a sha256"


def _shortest(package: Package) -> Iterator[str]:
    names = sorted(wheel.filename for wheel in package.wheels)
    yield from names[:3]
    if len(names) > 3:
        yield f"and {len(names) - 3} more"
