"""The table of commands says of each what the command says of itself."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys

import click
import pytest

import reprobox.cli
from reprobox.cli.command_table import COMMANDS, Row, load

NO_COMMANDS = {"boundary", "command_line", "command_table", "main", "messages", "options", "tables"}
"""Modules of the room that several commands share."""
AT_START = {
    "reprobox",
    "reprobox.cli",
    "reprobox.cli.command_line",
    "reprobox.cli.command_table",
    "reprobox.cli.main",
    "reprobox.cli.messages",
    "reprobox.cli.start_directory",
    "reprobox.errors",
    "reprobox.kit",
    "reprobox.kit.lazy_dataclass",
    "reprobox.kit.text",
    "reprobox.version",
}
HEAVY = {"docker", "git", "numpy", "requests", "rich", "sqlite3", "ssl", "msgspec", "yaml"}
_LIST = "; print('\\n'.join(sys.modules))"


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_a_row_is_its_command(row: Row) -> None:
    command = load(row)
    assert command.name == row.name
    assert (command.help or "").splitlines()[0].startswith(row.summary)
    with click.Context(command, info_name=row.name) as context:
        assert command.get_help(context)
    named = row.module.rstrip("_").replace("_", "-")
    assert named == row.name


def test_every_command_is_in_the_table() -> None:
    shared = {
        name
        for _, name, _ in pkgutil.iter_modules(reprobox.cli.__path__)
        if not hasattr(importlib.import_module(f"reprobox.cli.{name}"), _function_of(name))
    }
    assert {row.module for row in COMMANDS}.isdisjoint(shared)
    assert not NO_COMMANDS & {row.module for row in COMMANDS}


def _function_of(name: str) -> str:
    return next((row.function for row in COMMANDS if row.module == name), "no such function")


def loaded(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}{_LIST}"],
        capture_output=True,
        check=True,
        text=True,
    )
    return set(done.stdout.split("\n"))


def page(start: str, argument: str, columns: str) -> tuple[str, str]:
    """What the help page is where the program starts so, and the modules that were loaded."""
    code = f"import sys; sys.argv = ['/bin/reprobox', {argument!r}]; {start}"
    done = subprocess.run(
        [sys.executable, "-c", f"{NAMED}{code}"],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "COLUMNS": columns},
    )
    return done.stdout, done.stderr


NAMED = "import atexit, sys; atexit.register(lambda: sys.stderr.write(' '.join(sys.modules))); "
SHOWN = "from reprobox.cli.main import main; main()"
MADE = "from reprobox.cli.process import main; main()"


def test_the_help_page_is_shown_as_it_was_made() -> None:
    found, modules = page(SHOWN, "-h", "80")
    assert found == page(MADE, "--help", "200")[0]
    own = {name for name in modules.split() if name.split(".")[0] == "reprobox"}
    assert own == {"reprobox", "reprobox.version", "reprobox.cli", "reprobox.cli.main"}
    assert not {"click", "typer", "shutil", "inspect"} & set(modules.split())


def test_a_narrow_terminal_gets_a_narrow_help_page() -> None:
    found, modules = page(SHOWN, "--help", "60")
    assert "typer" in modules.split()
    assert max(map(len, found.splitlines())) <= 60


def test_what_is_imported_at_the_start() -> None:
    start = "from reprobox.cli import command_line, main"
    found = loaded(f"{start}; command_line.app(args=['--help'], standalone_mode=False)")
    assert {name for name in found if name.split(".")[0] == "reprobox"} == AT_START
    assert not found & HEAVY


def test_what_is_imported_to_read_a_command_line() -> None:
    found = loaded("from reprobox.cli import main, process; process.words.read(['run', 'c.yaml'])")
    own = {name for name in found if name.split(".")[0] == "reprobox"}
    typers = {"reprobox.cli.command_line", "reprobox.cli.command_table"}
    assert own == AT_START - typers - {"reprobox.kit.lazy_dataclass"} | {
        "reprobox.cli.boundary",
        "reprobox.cli.plain",
        "reprobox.cli.plain.words",
        "reprobox.cli.process",
    }
    assert not found & (HEAVY | {"typer", "click", "inspect", "dataclasses"})


def test_one_command_imports_no_other() -> None:
    found = loaded("from reprobox.cli.command_table import COMMANDS, load; load(COMMANDS[3])")
    others = {f"reprobox.cli.{row.module}" for row in COMMANDS if row.name != "run"}
    assert not found & others


def test_the_summary_is_the_docstring() -> None:
    for row in COMMANDS:
        found = getattr(importlib.import_module(f"reprobox.cli.{row.module}"), row.function)
        if inspect.isfunction(found):
            assert (inspect.getdoc(found) or "").splitlines()[0] == row.summary
