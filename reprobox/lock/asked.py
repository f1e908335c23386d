"""An entry of `requirements` that names a file, with the extras and groups that are wanted of it.

The config's `{file: pyproject.toml, extras: [train], groups: [dev]}` is kept as one text:
`pyproject.toml[train]{dev}`. `pyproject.toml[train]` may be written as it is.
"""

from __future__ import annotations

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

_FORM = regex(r"(?P<file>[^\[\]{}]+?)(?:\[(?P<extras>[^\]]*)\])?(?:\{(?P<groups>[^}]*)\})?")
SUFFIXES = (".txt", ".in", ".pip", ".toml", ".lock", ".yml", ".yaml", ".cfg", ".py")
"""`requirements.txt` is a valid package name too, so the ending decides."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A file, and what of it."""

    file: str
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def parse(entry: str) -> Asked:
    """Reads an entry that names a file."""
    match = _FORM.fullmatch(entry)
    if match is None:
        return Asked(file=entry)
    return Asked(
        file=match["file"].strip(), extras=_words(match["extras"]), groups=_words(match["groups"])
    )


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
