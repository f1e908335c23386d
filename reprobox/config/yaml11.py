"""Where a YAML 1.1 reader, such as PyYAML in the user's script, sees another value than YAML 1.2 does.

It matters only when the file has to be written again because of an override: what the script then reads must be what it would have
read. So the plain scalars on which readers disagree are refused at that moment, by line, instead of being rewritten by guess.
"""

from __future__ import annotations

import re

import yaml

from reprobox.config.scalars import Scalar, resolve

_PREFIX = "tag:yaml.org,2002:"
_SAME = re.compile(r"[-+]?(0|[1-9][0-9]*)|[-+]?[0-9]+\.[0-9]*([eE][-+][0-9]+)?")
"""Numbers that need no closer look: both versions read them alike."""


def _kind(text: str) -> str:
    """The tag that PyYAML's resolver gives a plain scalar, without its prefix."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    for tag, pattern in resolvers.get(text[:1], []):
        if pattern.match(text):
            return str(tag).removeprefix(_PREFIX)
    return "str"


def disagreement(text: str) -> str | None:
    """What a YAML 1.1 reader makes of a plain scalar that YAML 1.2 reads otherwise, in words; None where they agree.

    `1e-3` counts as agreement: it is text to YAML 1.1, but nobody means text, and it is rewritten so that both read the number.
    """
    if _SAME.fullmatch(text):
        return None
    kind, ours = _kind(text), resolve(text)
    if kind == "timestamp":
        return "a date"
    if kind == "bool" and not isinstance(ours, bool):
        return "true or false"
    if kind in ("int", "float"):
        return _number(text, ours)
    return "text" if kind == "str" and isinstance(ours, int) and not isinstance(ours, bool) else None


def _number(text: str, ours: Scalar) -> str | None:
    try:
        theirs = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return "an error"
    same = theirs == ours or (theirs != theirs and ours != ours)
    return None if same and not isinstance(ours, str) else f"the number {theirs}"
