"""The commands by name, in the order of `--help`, each loaded when it is called.

Importing all of them would be most of the time of `reprobox --help` and of every command, so the
table gives what `--help` shows; a test holds it to the commands' own docstrings.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import click
import typer
from typer import core
from typer.main import get_command, get_group

from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True)
class Row:
    """A command: a file of its name in this package, and the function (or group) in it."""

    name: str
    module: str
    function: str
    summary: str
    """The first sentence of its help."""


COMMANDS = (
    Row(
        "init",
        "init",
        "init",
        "Write a commented config, or add the `reprobox:` section to the script's own.",
    ),
    Row("lock", "lock", "lock", "Pin the environment, every package by sha256."),
    Row("build", "build", "build", "Make the image from the lock."),
    Row("run", "run", "run", "Run the commit in the image, and record it."),
    Row("replay", "replay", "replay", "Run a past run again and compare every bit."),
    Row("ls", "ls", "list_runs", "List runs, newest first."),
    Row("show", "show", "show", "Show one run."),
    Row("ui", "ui", "ui", "Show the project's runs as pages in a web browser."),
    Row(
        "report",
        "report",
        "report",
        "Write runs as pages in one HTML file, which opens without a server and without a network.",
    ),
    Row("logs", "logs", "logs", "Print what a run wrote."),
    Row("get", "get", "get", "Copy outputs of a run out of the store."),
    Row("shell", "shell", "shell", "Open a shell in a run's own environment."),
    Row("sweep", "sweep", "sweep", "Run a config with several values, at one commit."),
    Row(
        "mlflow-sync",
        "mlflow_sync",
        "mlflow_sync",
        "Send recorded runs, their metrics and verdicts to an MLflow server.",
    ),
    Row("tag", "tag", "tag", "Tag a run afterwards."),
    Row("name", "name", "name", "Name a run afterwards."),
    Row("note", "note", "note", "Write a note about a run; `show` prints its notes."),
    Row("diff", "diff", "diff", "Compare two runs, or several in one table."),
    Row("judge", "judge", "judge", "Judge two recorded runs again, under other rules."),
    Row("check", "check", "check", "Run the first steps twice and compare, before the long job."),
    Row(
        "calibrate",
        "calibrate",
        "calibrate",
        "Run a past run several times more, and propose rules and claims.",
    ),
    Row("explain", "explain", "explain", "Find where two runs diverge: step, tensor, operation."),
    Row("stop", "stop", "stop", "Stop a run."),
    Row("wait", "wait", "wait", "Wait until runs have ended."),
    Row("rm", "rm", "remove", "Remove runs with their outputs."),
    Row("verify", "verify", "verify", "Check that what was recorded is intact."),
    Row(
        "verify-all",
        "verify_all",
        "verify_all",
        "Replay recorded runs and judge each, for continuous integration.",
    ),
    Row("doctor", "doctor", "doctor", "Show what this machine can do."),
    Row("export", "export", "export", "Write runs with all they need into one file."),
    Row("import", "import_", "import_", "Take the runs of a bundle into this repository."),
    Row("push", "push", "push", "Send runs to a remote store, or images to a registry."),
    Row("pull", "pull", "pull", "Take runs from a remote store."),
    Row("attest", "attest", "attest", "Sign a statement of what a run was made from."),
    Row(
        "artifact",
        "artifact",
        "artifact",
        "Write a package for the reviewers of a paper's artifact.",
    ),
    Row("fsck", "fsck", "fsck", "Read and hash what is stored, and name each damaged thing."),
    Row("gc", "gc", "gc", "List what no run and no lock needs, and remove it with --yes."),
    Row(
        "schema",
        "schema",
        "schema",
        "Print the JSON Schema of a config, for editors and other programs.",
    ),
    Row("image", "image", "images", "Look at images."),
    Row("worker", "worker", "worker", "Execute submitted runs, as a job of a scheduler."),
)


def load(row: Row) -> click.Command:
    """The command of a row."""
    found = getattr(importlib.import_module(f"reprobox.cli.{row.module}"), row.function)
    if isinstance(found, typer.Typer):
        group = get_group(found)
        group.name = row.name
        return group
    alone = typer.Typer(rich_markup_mode=None, add_completion=False)
    alone.command(name=row.name)(cast("Callable[..., None]", found))
    return get_command(alone)


class _Loaded(Mapping[str, click.Command]):
    """Commands by name, each loaded once."""

    def __init__(self) -> None:
        self._rows = {row.name: row for row in COMMANDS}
        self._known: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._known:
            self._known[name] = load(self._rows[name])
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class Commands(core.TyperGroup):
    """The group of all commands, for `typer.Typer(cls=...)`."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.commands = cast("Any", _Loaded())

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return [row.name for row in COMMANDS]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The section of `--help`, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(row.name, row.summary) for row in COMMANDS])
