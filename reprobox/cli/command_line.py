"""`reprobox`: the commands and the options of all of them.

A command is imported when it is called (command_table), and heavy imports (docker, rich tables,
git) happen inside the commands that need them, so that `--help` and a no-op stay quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import core

from reprobox.cli.command_table import Commands
from reprobox.cli.messages import Talk
from reprobox.cli.start_directory import enter
from reprobox.version import __version__

# typer asks rich to escape each line of plain help; importing it for that costs three quarters of
# `--help`.
core.HAS_RICH = False

app = typer.Typer(
    name="reprobox",
    cls=Commands,
    help="Run a past machine-learning experiment again, bit for bit, from its record.\n\n"
    "A first time:  reprobox lock, reprobox build, git commit, reprobox run config.yaml, reprobox "
    "replay latest",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: importing rich for it doubles the time of --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"reprobox {__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only what went wrong.")
    ] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", envvar="NO_COLOR", help="No colours.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="REPROBOX_DEBUG", help="Show tracebacks.")
    ] = False,
    directory: Annotated[
        Path | None, typer.Option("-C", help="Start in this directory.", metavar="DIR")
    ] = None,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of every command."""
    enter(directory)
    ctx.obj = Talk(quiet=quiet, color=not no_color and sys.stderr.isatty(), debug=debug)
