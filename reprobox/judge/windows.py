"""Two long texts, cut to where they differ."""

from __future__ import annotations

_LONGEST = 200
_BEFORE = 60


def around(left: str, right: str) -> tuple[str, str]:
    """Both texts, each of at most some 200 characters around the first difference."""
    if max(len(left), len(right)) <= _LONGEST:
        return left, right
    pairs = enumerate(zip(left, right, strict=False))
    place = next((at for at, (one, other) in pairs if one != other), min(len(left), len(right)))
    start = max(0, place - _BEFORE) if place > _LONGEST - _BEFORE else 0
    return _cut(left, start), _cut(right, start)


def _cut(text: str, start: int) -> str:
    end = start + _LONGEST
    return ("…" if start else "") + text[start:end] + ("…" if len(text) > end else "")
