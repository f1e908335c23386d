"""Each command that a `next:` names can be typed as printed: it exists, with these options.

The source is read: every `next_step=` is a command line as a whole, or a sentence whose commands
are in backticks or after a colon.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reprobox import errors
from reprobox.cli.command_table import COMMANDS, load

PACKAGE = Path(errors.__file__).parent
VALUE = "1"
"""Stands for what is filled in: a valid word of every kind."""
ROWS = {row.name: row for row in COMMANDS}


def texts(node: ast.AST) -> Iterator[str]:
    """The texts that an expression can give, values filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            part.value if isinstance(part, ast.Constant) else VALUE for part in node.values
        )
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from texts(value)
    elif isinstance(node, ast.BinOp):
        yield from (
            "".join(pair) for pair in zip(texts(node.left), texts(node.right), strict=False)
        )


def next_steps() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if "payload" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            for keyword in getattr(node, "keywords", ()) if isinstance(node, ast.Call) else ():
                if keyword.arg == "next_step":
                    for text in texts(keyword.value):
                        yield f"{path.relative_to(PACKAGE)}:{node.lineno}", text


def commands(text: str) -> list[str]:
    """The command lines of a next step."""
    if text.startswith("reprobox "):
        return [text]
    quoted = re.findall(r"`(reprobox [^`]*)`", text)
    rest = re.sub(r"`[^`]*`", "", text)
    return quoted + re.findall(r"(?:^|[:(;] ?)(reprobox [a-z][^;)]*)", rest)


FOUND = [(place, line) for place, text in next_steps() for line in commands(text)]


def can_be_typed(line: str) -> str:
    """Why a command line cannot be read; "" where it can."""
    arguments = shlex.split(line)[1:]
    if arguments[0].startswith("-"):
        return "" if arguments[0] in ("--help", "--version") else f"no option {arguments[0]}"
    if arguments[0] == VALUE or arguments[0].startswith(VALUE):
        return ""  # the command itself is filled in: see test_usage_errors
    if arguments[0] not in ROWS:
        return f"no command {arguments[0]}"
    command = load(ROWS[arguments[0]])
    while isinstance(command, click.Group) and len(arguments) > 1:
        arguments = arguments[1:]
        command = command.commands[arguments[0]]
    if arguments[-1] == "--help":
        return ""
    try:
        command.make_context(arguments[0], arguments[1:])
    except click.ClickException as error:
        return error.format_message()
    return ""


def test_there_are_many() -> None:
    assert len(FOUND) > 60
    assert len(list(next_steps())) > 200


@pytest.mark.parametrize(("place", "line"), FOUND)
def test_it_can_be_typed(place: str, line: str) -> None:
    assert can_be_typed(line) == "", f"{place}: {line}"


@pytest.mark.parametrize(
    ("place", "text"), [pair for pair in next_steps() if "reprobox " in pair[1]]
)
def test_commands_in_a_sentence_are_marked_as_such(place: str, text: str) -> None:
    rest = text
    for line in commands(text):
        rest = rest.replace(line, "")
    named = "|".join(ROWS)
    assert not re.search(rf"\breprobox ({named})\b", rest), f"{place}: {text}"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("reprobox ls lists the runs", "unexpected extra argument"),
        ("reprobox pull", "Missing"),
        ("reprobox tell", "no command"),
        ("reprobox ls --nothing", "No such option"),
        ("reprobox show latest", ""),
    ],
)
def test_what_cannot_be_typed_is_found(line: str, why: str) -> None:
    found = can_be_typed(line)
    assert why in found
    assert bool(found) == bool(why)
