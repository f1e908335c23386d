"""The requirements file format (pip's reference, "Requirements File Format"): logical lines,
includes, hashes.

Resolving is uv's; this reads only what shows whether a lock is stale and which hashes the user
allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reprobox.kit.regex import regex

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_COMMENT = regex(r"(^|\s+)#.*$")
_INCLUDE = regex(r"(?:-r|-c|--requirement|--constraint)(?:\s+|\s*=\s*|(?<=-[rc]))(\S+)\s*$")
_HASH = regex(r"--hash[=\s]+(sha256:[0-9a-fA-F]{64})")


def logical_lines(text: str) -> Iterator[str]:
    """Lines without comments, continuations joined, blank ones left out."""
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        if bare := _COMMENT.sub("", line).strip():
            yield bare


def includes(text: str) -> tuple[str, ...]:
    """Local files named by `-r` and `-c`, as written."""
    found = (_INCLUDE.match(line) for line in logical_lines(text))
    return tuple(match[1] for match in found if match and "://" not in match[1])


def parse(line: str) -> Requirement | None:
    """The requirement of a line; None when the line is an option, a path or a URL."""
    # Imported here: an unchanged `build` reads what a file includes and parses no requirement.
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(line.split(" --", 1)[0].strip())
    except InvalidRequirement:
        return None


def allowed_hashes(text: str) -> dict[str, frozenset[str]]:
    """Normalised name to the sha256 digests that its line allows, for lines that have any."""
    from packaging.utils import canonicalize_name

    allowed: dict[str, frozenset[str]] = {}
    for line in logical_lines(text):
        hashes = frozenset(found.lower() for found in _HASH.findall(line))
        requirement = parse(line)
        if hashes and requirement is not None:
            name = canonicalize_name(requirement.name)
            allowed[name] = allowed.get(name, frozenset()) | hashes
    return allowed
