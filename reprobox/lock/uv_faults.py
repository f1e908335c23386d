"""What uv printed when it failed, as an error of ours: its kind, the package or address that it is
about, and what to do. The words are those of uv 0.13; `tests/lock/test_uv_faults.py` has uv print
them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reprobox.errors import BuildError, FetchError, HashMismatch, ReproboxError, ResolveError
from reprobox.kit.regex import regex

_PASSWORD = regex(r"(?<=://)[^/@\s]+@")
_PACKAGE = r"`(?P<name>[^`=@\s]+)(?:==| @ )(?P<version>[^`]+)`"
_STATUS = r"HTTP status (?:client|server) error \((?P<status>{} [^)]*)\) for url \((?P<url>[^)]+)\)"


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """One kind of failure."""

    sign: str
    """A pattern; its named groups stand in the texts."""
    error: type[ReproboxError]
    what: str
    next_step: str
    why: str = ""
    """Instead of uv's own words."""


_SETTINGS = "check the index addresses and settings in `pip config list`, uv.toml and UV_*"
_CREDENTIALS = (
    "check the user name and password of that index: in its URL in `pip config list`, in ~/.netrc "
    "or in your keyring"
)
_OTHER = "ask for another version in the requirements, and lock again"

_WRAPPED = regex(r"\n {5,}(?!cause:|Caused by|hint:)")
"""Where uv broke a line because it was long: at a space, and further in than a cause begins."""

# The first that fits is the answer: a cause comes before the step that it made fail.
_KINDS = (
    _Kind(
        sign=rf"Hash mismatch for {_PACKAGE}",
        error=HashMismatch,
        what="the index serves other bytes of {name} {version} than its page names",
        next_step="ask for another version, and let those who run the index know",
    ),
    _Kind(
        sign=rf"{_PACKAGE}\n[^\n]*does not appear to be a Python project",
        error=ResolveError,
        what="{name} {version} has no wheel that fits, and its source cannot be built",
        why="Its source distribution has neither pyproject.toml nor setup.py.",
        next_step="ask for a version of {name} that has a wheel, or leave it out",
    ),
    _Kind(
        sign=r"Failed to extract archive: (?P<name>[^\s=]+?)(?:==|-)(?P<version>[^\s-]+)(?P<wheel>"
        r"-\S*\.whl)",
        error=BuildError,
        what="the wheel of {name} {version} cannot be read",
        next_step=_OTHER,
    ),
    _Kind(
        sign=r"Failed to extract archive: (?P<name>[^\s=]+)==(?P<version>\S+)",
        error=BuildError,
        what="the source distribution of {name} {version} cannot be read",
        next_step=_OTHER,
    ),
    _Kind(
        sign=r"No space left on device|Disk quota exceeded",
        error=FetchError,
        what="the disk is full",
        next_step="free some there; `uv cache clean` empties uv's cache",
    ),
    _Kind(
        sign=r"Failed to initialize cache at `(?P<place>[^`]+)`",
        error=FetchError,
        what="uv cannot write to its cache {place}",
        next_step="make it writable, or name another directory in UV_CACHE_DIR",
    ),
    _Kind(
        sign=_STATUS.format("40[137]"),
        error=FetchError,
        what="a package index refused the credentials ({status})",
        next_step=_CREDENTIALS,
    ),
    _Kind(
        sign=r"index(?: URL)? \((?P<url>[^)]+)\) (?:could not be queried|returned a 403)",
        error=FetchError,
        what="the package index {url} refused the credentials",
        next_step=_CREDENTIALS,
    ),
    _Kind(
        sign=_STATUS.format("(?:404|410)"),
        error=FetchError,
        what="a file is not at its address any more: {url} ({status})",
        next_step="check the address, or ask for another version",
    ),
    _Kind(
        sign=_STATUS.format(r"\d+"),
        error=FetchError,
        what="a package index did not answer as it should ({status})",
        next_step="lock again later, or name another index in `pip config list`",
    ),
    _Kind(
        sign=r"Distribution not found at: (?P<url>\S+)",
        error=FetchError,
        what="there is no file at {url}",
        next_step="correct the address in the requirements",
    ),
    _Kind(
        sign=r"network (?:was disabled|connectivity is disabled)",
        error=FetchError,
        what="uv was set to work without the network, and its cache lacks a package",
        next_step="unset UV_OFFLINE (or `offline` in uv.toml), and lock again",
    ),
    _Kind(
        sign=r"Git operation failed",
        error=FetchError,
        what="a repository could not be fetched",
        next_step="check that `git fetch` of its address works, and that the revision exists",
    ),
    _Kind(
        sign=r"(?:Unsupported `Content-Type`|unexpected JSON)[^\n]*`(?P<url>[a-z]+://[^`]+)`",
        error=FetchError,
        what="{url} did not answer as a package index",
        next_step=_SETTINGS,
    ),
    _Kind(
        sign=r"Failed to read `--find-links` (?:directory|URL): (?P<place>[^\n]+)",
        error=FetchError,
        what="the find-links place {place} cannot be read",
        next_step=_SETTINGS,
    ),
    _Kind(
        sign=r"error sending request[\s\S]*(?:certificate|corrupt message|UnknownIssuer)",
        error=FetchError,
        what="no secure connection to a package index could be made",
        next_step="check that its address begins as it should (http or https), and name the "
        "certificates of your own authority in SSL_CERT_FILE",
    ),
    _Kind(
        sign=r"error sending request|dns error|tcp connect error|operation timed out"
        r"|Failed to fetch|Failed to download",
        error=FetchError,
        what="a package index could not be asked",
        next_step="check the network, and the index URLs in `pip config list`",
    ),
    _Kind(
        sign=r"Couldn't parse requirement|error: Failed to parse",
        error=ResolveError,
        what="a requirement cannot be read",
        next_step="correct it, and lock again",
    ),
    _Kind(
        sign=r"error: (?:invalid value|unexpected argument|Invalid environment variable)",
        error=ResolveError,
        what="uv does not accept your package settings",
        next_step=_SETTINGS,
    ),
    _Kind(
        sign=r"No solution found",
        error=ResolveError,
        what="no set of packages satisfies the requirements",
        next_step="change the requirements and lock again",
    ),
)
_OTHERWISE = _Kind(
    sign="",
    error=ResolveError,
    what="uv could not resolve the requirements",
    next_step="change what it complains about, and lock again",
)


def redact(text: str) -> str:
    """Without the user names and passwords of URLs."""
    return _PASSWORD.sub("", text)


def explain(said: str) -> ReproboxError:
    """uv's words as an error with a next step."""
    why = redact(said)
    text = _WRAPPED.sub(" ", why)
    for kind in (*_KINDS, _OTHERWISE):
        if found := re.search(kind.sign, text):
            words = {name: word or "" for name, word in found.groupdict().items()}
            return kind.error(
                kind.what.format(**words),
                why=kind.why or why,
                next_step=kind.next_step.format(**words),
            )
    raise AssertionError("the last kind fits every text")
