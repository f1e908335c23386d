"""The small grammars of single settings; each gives the value back or raises ValueError with what
is wrong.
"""

from __future__ import annotations

import posixpath
import re

from reprobox.kit import units
from reprobox.kit.regex import regex

_VARIABLE = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PYTHON = regex(r"[23]\.\d{1,2}")
_PACKAGE = regex(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[A-Za-z0-9.+:~-]+)?")
_CAPABILITY = regex(r"(CAP_)?([A-Z][A-Z_]*)")
_SUITE = regex(r"debian:([a-z]+)")


def plain(text: str) -> str:
    """Text that is not empty and has no control characters."""
    if not text.strip():
        raise ValueError("it is empty")
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError(f"{text!r} has control characters")
    return text


def no_nul(text: str) -> str:
    """Text that a system call can take."""
    if "\0" in text:
        raise ValueError("it has a NUL character, which no program can be given")
    return text


def within(text: str, start: str, instead: str) -> str:
    """A path that stays in the repository, in its shortest form, relative to the repository's top.

    Args:
        start: where it is relative to; itself relative to the top.
        instead: what to write where it does not stay inside.
    """
    if not text or posixpath.isabs(text):
        raise ValueError(f"{text!r} is not a relative path; {instead}" if text else "it is empty")
    path = posixpath.normpath(posixpath.join(start, no_nul(text)))
    if path.startswith("../") or path == "..":
        place = "the repository's top" if start in ("", ".") else f"{start}/"
        raise ValueError(f"{text!r}, seen from {place}, leaves the repository; {instead}")
    return path


def size(text: str) -> str:
    """A size in docker's grammar, such as `4g`."""
    if units.bytes_of(text) <= 0:
        raise ValueError(f"{text!r} is not more than 0 bytes")
    return text


def seconds(text: str) -> float:
    """A duration in seconds, more than none."""
    value = units.seconds_of(text)
    if value <= 0:
        raise ValueError(f"{text!r} is not more than 0 seconds")
    return value


def variable(name: str, value: str) -> str:
    """The value of an environment variable whose name is well formed (POSIX.1-2017, 8.1)."""
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an environment variable")
    return no_nul(value)


def secret(name: str, value: str) -> str:
    """Where a secret comes from: `env:NAME` or `file:PATH`."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a name for a secret; use letters, digits, '_', '.' and '-'"
        )
    kind, _, rest = value.partition(":")
    if kind not in ("env", "file") or not rest or (kind == "env" and not _VARIABLE.fullmatch(rest)):
        # The value may be the secret itself, so it is not repeated.
        raise ValueError(
            "write env:NAME or file:PATH; the secret itself does not belong into the config"
        )
    return no_nul(value)


def name(text: str) -> str:
    """The name of a run, or a tag."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a name; use up to 64 letters, digits, '_', '.' and '-'")
    return text


def run_name(text: str) -> str:
    """The name of a run."""
    return name(unambiguous(text))


def unambiguous(text: str) -> str:
    """Text that can name a run: `latest` and `latest~2` always mean the last ones, and
    eight digits are how ids begin.
    """
    if re.fullmatch(r"latest(~\d+)?", text):
        raise ValueError(
            f"{text!r} already means the last run"
            if "~" not in text
            else f"{text!r} already means one of the last runs"
        )
    if re.match(r"\d{8}(-|$)", text):
        raise ValueError(f"{text!r} reads like the beginning of an id")
    if not text.strip():
        raise ValueError("there is nothing in it")
    return text


def python(text: str) -> str:
    """An interpreter, `X.Y`."""
    if not _PYTHON.fullmatch(text):
        raise ValueError(f"{text!r} is not like 3.11")
    return text


def package(text: str) -> str:
    """A Debian package, `name` or `name=version` (Debian policy, 5.6.1)."""
    if not _PACKAGE.fullmatch(text):
        raise ValueError(f"{text!r} is not like libgomp1 or libgomp1=12.2.0-14")
    return text


def capability(text: str) -> str:
    """A capability without its prefix, as docker takes it."""
    match = _CAPABILITY.fullmatch(text.upper())
    if match is None:
        raise ValueError(f"{text!r} is not like NET_RAW")
    return match[2]


def suite(text: str) -> str | None:
    """The suite of `debian:SUITE`, the embedded base; None for a registry reference."""
    match = _SUITE.fullmatch(text)
    return match[1] if match else None


def metric(text: str) -> str:
    """`path#key`: a file below the outputs and the name of a number in it."""
    path, _, key = text.partition("#")
    if not path or not key:
        raise ValueError('write path#key, as in "results/metrics.json#$.accuracy"')
    return text
