"""What two configs say differently, key by key: nearer to what a person changed than the digest of
the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reprobox.kit.units import counted
from reprobox.model.verdict import Cause

Facts = Mapping[str, Any]
_OURS = "reprobox"
_SHOWN, _LONG, _DEEP = 8, 80, 40
_TOLD_ELSEWHERE = frozenset(
    {
        *("command", "inputs", "env", "seed", "profile", "threads"),
        *("environment", "lock", "secrets", "trail", "name", "tags"),
        *("outputs", "rules"),
    }
)
"""Settings of reprobox that have a cause of their own, or that no program sees."""
_ABSENT = "absent"


def differ(left: Facts, right: Facts) -> Iterable[Cause]:
    """A cause for each key of the user's own part that differs, the first few; then for each limit
    or other setting.
    """
    own = list(_pairs(_own(left), _own(right)))
    for name, ours, theirs in own[:_SHOWN]:
        yield Cause(
            what=f"config {name}",
            ours=ours,
            theirs=theirs,
            advice="the script reads another value",
            weight=97,
        )
    if len(own) > _SHOWN:
        more = counted(len(own) - _SHOWN, "other key")
        yield Cause(
            what=f"config: {more}",
            ours="",
            theirs="",
            advice="compare the two runs' config.yaml",
            weight=97,
        )
    for name, ours, theirs in list(_pairs(_settings(left), _settings(right)))[:_SHOWN]:
        advice = "another limit or setting, which the program may look at"
        yield Cause(
            what=f"config {_OURS}.{name}", ours=ours, theirs=theirs, advice=advice, weight=32
        )


def same_values(left: Facts, right: Facts) -> bool:
    """Whether the user's own parts are both known and say the same."""
    return bool(left and right) and not any(_pairs(_own(left), _own(right)))


def variables(*configs: Facts) -> set[str]:
    """Names that the users' own `reprobox.env` sets; what else a run has follows from its other
    settings.
    """
    sections = (config.get(_OURS) for config in configs)
    asked = (section.get("env") for section in sections if isinstance(section, Mapping))
    return {str(name) for env in asked if isinstance(env, Mapping) for name in env}


def _own(config: Facts) -> Facts:
    return {key: value for key, value in config.items() if key != _OURS}


def _settings(config: Facts) -> Facts:
    section = config.get(_OURS)
    return (
        {key: value for key, value in section.items() if key not in _TOLD_ELSEWHERE}
        if isinstance(section, Mapping)
        else {}
    )


def _pairs(left: Any, right: Any, name: str = "") -> Iterator[tuple[str, str, str]]:
    """Dotted key and both values as text, for each leaf that differs."""
    if isinstance(left, Mapping) and isinstance(right, Mapping) and name.count(".") < _DEEP:
        for key in dict.fromkeys((*left, *right)):
            below = f"{name}.{key}" if name else str(key)
            if key in left and key in right:
                yield from _pairs(left[key], right[key], below)
            else:
                yield (
                    below,
                    _text(left[key]) if key in left else _ABSENT,
                    _text(right[key]) if key in right else _ABSENT,
                )
    elif type(left) is not type(right) or left != right:
        yield name, _text(left), _text(right)


def _text(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else "null" if value is None else str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."
