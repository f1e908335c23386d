"""The injected runtimes of releases, by the digest of their manifest.

A runtime decides what a program sees before its own first line runs, and a bundle brings its own
along. So one that no release of reprobox had is replayed only with a word of consent. Each digest
is computed again from the sources of its commit by `scripts/runtimes` (`make runtimes`).
"""

from __future__ import annotations

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.runtime import runtime_pack


@dataclass(frozen=True, kw_only=True)
class Release:
    """A version, and the commit that has its sources."""

    version: str
    commit: str


RELEASES: dict[str, Release] = {
    "sha256:a74519683cf199283ff49fb66a206b894691ccf6fc5b0a9deef149a589107ae7": Release(
        version="0.1.0", commit="866c593b0e9f74eae9ca33fbc507d7f2bac9d4aa"
    ),
}


def release_of(runtime: str) -> str | None:
    """The version whose runtime this is; None for one of no release."""
    found = RELEASES.get(runtime)
    return found.version if found else None


def is_known(runtime: str) -> bool:
    """Whether a runtime is that of a release, or the one that this reprobox injects itself."""
    return runtime in RELEASES or runtime == runtime_pack.digest(runtime_pack.payload())
