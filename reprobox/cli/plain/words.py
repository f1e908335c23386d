"""Reads ordinary command lines of the commands that are typed most.

typer and click are a fifth of the processor time of a short `reprobox run`. What is read here means
the same to them (a test holds each row to the command's options); everything else, and every
mistake, is left to them.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reprobox.cli.messages import Talk
from reprobox.cli.start_directory import enter


class Row(NamedTuple):
    """Which options and words of a command are read here, each with its parameter."""

    word: str
    """The parameter of the first word."""
    more: str
    """That of all further words; empty where there is one at most."""
    flags: Mapping[str, str]
    values: Mapping[str, str]
    lists: Mapping[str, str]
    """Options with a value that may be repeated."""
    kinds: Mapping[str, Callable[[str], Any]] = {}
    """What a parameter's text becomes, where it is no text: None where that is not for here."""
    needed: bool = False
    """Whether the first word may not be left out."""


def _path(word: str) -> Path | None:
    """Where it is there and cannot be read, click says so."""
    return None if os.path.exists(word) and not os.access(word, os.R_OK) else Path(word)


def _number(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and len(word) < _DIGITS else None


_DIGITS = 10
_GPUS_NAME_ON = {"--gpus": "gpus", "--name": "name", "--on": "on"}
ROWS = {
    "run": Row(
        "config",
        "overrides",
        {"--snapshot": "snapshot", "--detach": "detach", "-d": "detach", "--json": "as_json"},
        {**_GPUS_NAME_ON, "--commit": "commit"},
        {"--tag": "tag"},
        {"config": _path},
    ),
    "replay": Row(
        "run",
        "options",
        {
            "--secrets": "secrets",
            "--trust": "trust",
            "--trust-runtime": "trust_runtime",
            "--as-recorded": "as_recorded",
            "--strict": "strict",
            "--json": "as_json",
        },
        _GPUS_NAME_ON,
        {"--rule": "rule", "--rules": "rules"},
    ),
    "build": Row(
        "config",
        "",
        {"--check": "check", "--offline": "offline", "--json": "as_json"},
        {},
        {},
        {"config": _path},
    ),
    # Not typed by people: each job of a scheduler starts with it.
    "worker": Row(
        "store",
        "runs",
        {},
        {"--tasks": "tasks", "--task": "task"},
        {},
        {"store": _path, "tasks": _path, "task": _number},
        needed=True,
    ),
}
COMMON = {"-q": "quiet", "--quiet": "quiet", "--no-color": "no_color", "--debug": "debug"}
"""Options of the whole program, which may be given after the command, too."""
ENVIRONMENT = ("NO_COLOR", "REPROBOX_DEBUG")
"""Variables that set a common option."""


class Line(NamedTuple):
    """A command line that was read."""

    command: str
    common: frozenset[str]
    """Parameters of the common flags that were given."""
    given: dict[str, Any]
    """The command's parameters."""


def read(arguments: Sequence[str]) -> Line | None:
    """What a command line means; None where that is not for here to say."""
    start = next((at for at, word in enumerate(arguments) if word not in COMMON), len(arguments))
    row = ROWS.get(arguments[start]) if start < len(arguments) else None
    if row is None or _has_a_say(os.environ):
        return None
    given = _given(row, arguments[start + 1 :])
    if given is None:
        return None
    return Line(arguments[start], frozenset(COMMON[word] for word in arguments[:start]), given)


def _has_a_say(environment: Mapping[str, str]) -> bool:
    """Whether the environment sets options, or a shell asks for completions."""
    return any(name in ENVIRONMENT or name.endswith("_COMPLETE") for name in environment)


def _given(row: Row, arguments: Sequence[str]) -> dict[str, Any] | None:
    """The parameters that the words after the command set."""
    given: dict[str, Any] = {}
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word in row.flags:
            given[row.flags[word]] = True
        elif word in row.values or word in row.lists:
            value = next(rest, "")
            if not _ordinary(value):
                return None
            if word in row.values:
                given[row.values[word]] = value
            else:
                given.setdefault(row.lists[word], []).append(value)
        elif _ordinary(word):
            words.append(word)
        else:
            return None
    return _converted(row, given) if _placed(row, words, given) else None


def _ordinary(word: str) -> bool:
    return word != "" and not word.startswith("-")


def _placed(row: Row, words: list[str], given: dict[str, Any]) -> bool:
    """Gives the words to their parameters."""
    if (len(words) > 1 and not row.more) or (row.needed and not words):
        return False
    if words:
        given[row.word] = words[0]
    if words[1:]:
        given[row.more] = words[1:]
    return True


def _converted(row: Row, given: dict[str, Any]) -> dict[str, Any] | None:
    """The parameters as the command takes them; None where one is not for here to judge."""
    for name in row.kinds.keys() & given.keys():
        if (value := row.kinds[name](given[name])) is None:
            return None
        given[name] = value
    return given


def carry_out(line: Line) -> int:
    """Runs the command; its exit code."""
    enter()
    color = "no_color" not in line.common and sys.stderr.isatty()
    talk = Talk(quiet="quiet" in line.common, color=color, debug="debug" in line.common)
    module = importlib.import_module(f"reprobox.cli.plain.{line.command}")
    return int(getattr(module, line.command)(talk, **line.given))
