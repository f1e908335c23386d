"""Adds the `reprobox:` section to a config that the user's script already has."""

from __future__ import annotations

from collections.abc import Mapping

from reprobox.config import yaml12
from reprobox.config.problems import Problems
from reprobox.config.template import modeline, section
from reprobox.config.written import plain
from reprobox.errors import ConfigError, UsageError

OURS = "reprobox"


def extended(
    text: bytes, *, where: str, given: Mapping[str, str | None], schema: str = ""
) -> bytes:
    """The file with a section at its end; what was in it stays as it was, byte for byte.

    Args:
        where: how errors name the file.
        given: YAML text of settings by key, instead of the template's example; None comments the
            example out.
        schema: where editors find the JSON Schema; left out where the file names one itself.

    Raises:
        UsageError: the file has a section, or its form has no place for one.
        ConfigError: the file cannot be read.
    """
    before = _value(text, where)
    if OURS in before:
        raise UsageError(
            f"{where} has a `{OURS}:` section already, and was not changed",
            next_step=f"reprobox lock {where}",
        )
    ending = b"\r\n" if b"\r\n" in text else b"\n"
    gap = b"" if not text else ending if text.endswith(ending) else ending * 2
    line = "" if b"yaml-language-server" in text else modeline(schema)
    made = text + gap + (line + section(given=given)).encode().replace(b"\n", ending)
    try:
        after = _value(made, where)
        fits = {**after, OURS: None} == {**before, OURS: None}
    except ConfigError:
        fits = False
    if not fits:
        raise UsageError(
            f"{where} has no place for a `{OURS}:` section at its end, and was not changed",
            why="its top is not a mapping with a key on each line, or it ends with `...`",
            next_step=f"reprobox init {_other(where)}",
        )
    return made


def _other(where: str) -> str:
    stem, dot, suffix = where.rpartition(".")
    return f"{stem}.reprobox{dot}{suffix}" if dot else f"{where}.reprobox.yaml"


def _value(text: bytes, where: str) -> dict[object, object]:
    if not _has_content(text):
        return {}
    problems = Problems(where=where)
    document = yaml12.read(text, problems)
    problems.throw(f"correct {where}, then: reprobox init {where}")
    value: dict[object, object] = plain(document.value)
    return value


def _has_content(text: bytes) -> bool:
    """Whether a line is more than a comment; a config may be empty still."""
    lines = (line.strip() for line in text.removeprefix(b"\xef\xbb\xbf").splitlines())
    return any(line and not line.startswith(b"#") for line in lines)
