"""Files on offer, and which wheel fits best."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock.target import Target


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A wheel or source distribution on offer."""

    name: str
    """Normalised (PEP 503)."""
    version: str
    filename: str
    digest: str
    """`sha256:...`"""
    url: str | None = None
    """http(s) or file; None when only the hash is known (poetry.lock)."""
    size: int | None = None
    commit: str | None = None
    """The git commit whose tree it is."""
    subdirectory: str | None = None
    editable: str | None = None
    """For the commit's own project: its directory, relative to the top of the repository."""

    @property
    def is_wheel(self) -> bool:
        """Whether it can be installed as it is."""
        return self.filename.endswith(".whl")


def offered(
    url: str | None, filename: str, sha256: str, size: int | None = None
) -> Candidate | None:
    """A candidate from an index's words; None when the name is neither a wheel's nor a source
    distribution's.
    """
    parsed = _parsed(filename)
    if parsed is None:
        return None
    return Candidate(
        name=canonicalize_name(parsed[0]),
        version=parsed[1],
        filename=filename,
        digest=f"sha256:{sha256.lower()}",
        url=url,
        size=size,
    )


def _parsed(filename: str) -> tuple[str, str] | None:
    try:
        if filename.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(filename)
        else:
            name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None
    return name, str(version)


def filename_of(url: str) -> str:
    """The file name at the end of a URL or path."""
    return unquote(urlsplit(url).path.rsplit("/", 1)[-1])


def best(candidates: Iterable[Candidate], target: Target) -> Candidate | None:
    """The wheel that an installer would take: the best tag, then the highest build number; None
    when none fits.
    """
    fitting = [
        (rank, candidate)
        for candidate in candidates
        if candidate.is_wheel and (rank := _rank(candidate, target)) is not None
    ]
    return min(fitting, key=lambda pair: (pair[0], pair[1].filename))[1] if fitting else None


def _rank(candidate: Candidate, target: Target) -> tuple[int, int] | None:
    _, _, build, tags = parse_wheel_filename(candidate.filename)
    ranks = [target.ranks[tag] for tag in tags if tag in target.ranks]
    return (min(ranks), -(build[0] if build else 0)) if ranks else None
