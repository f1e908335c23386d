"""`reprobox`: the commands, and the one place where a failure becomes an exit code.

A command is imported when it is called (command_table), and heavy imports (docker, rich tables,
git) happen inside the commands that need them, so that `--help` and a no-op stay quick.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import core

from reprobox.cli import boundary
from reprobox.cli.command_table import COMMON, Commands
from reprobox.cli.messages import Talk, output_lost
from reprobox.errors import UsageError
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

READER_GONE = 141
"""As of a program that SIGPIPE ended: `reprobox replay … | head`."""


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
    try:
        os.chdir(directory or os.getcwd())
    except OSError as error:
        place = f"the directory {directory}" if directory else "the current directory"
        raise UsageError(
            f"{place} cannot be entered",
            why=error.strerror or "",
            next_step="go to a directory that is there",
        ) from error
    ctx.obj = Talk(quiet=quiet, color=not no_color and sys.stderr.isatty(), debug=debug)


def main() -> None:
    """Runs the command; failures end in `boundary.handle`."""
    signal.signal(signal.SIGTERM, boundary.terminate)
    _open_what_is_closed()
    arguments = _hoisted(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # where the locale is ASCII, a name is shown as escapes
    sys.exit(_flushed(_answer(arguments), arguments))


def _open_what_is_closed() -> None:
    """Closed standard streams (`>&-`) become /dev/null: a file that is opened next would get their
    descriptor, and what is printed would go into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _answer(arguments: list[str]) -> int:
    try:
        code = int(app(args=arguments, standalone_mode=False) or 0)
        return boundary.stopped(code, arguments)
    except SystemExit as end:
        # click exits with 1 where the reader of our stdout has gone; 1 means "different" here.
        if isinstance(end.__context__, BrokenPipeError):
            return READER_GONE
        raise
    except BrokenPipeError:
        return READER_GONE
    except (Exception, KeyboardInterrupt) as error:
        return boundary.handle(error, arguments)


def _flushed(code: int, arguments: list[str]) -> int:
    """The exit code, once all of stdout is written; Python itself would complain after us."""
    try:
        if code != READER_GONE:
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        code = READER_GONE
    except OSError as fault:
        code = boundary.handle(output_lost(fault), arguments)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _hoisted(arguments: list[str]) -> list[str]:
    """The options of every command are taken after the command too: `reprobox run -q`."""
    ends = arguments.index("--") if "--" in arguments else len(arguments)
    common = [word for word in arguments[:ends] if word in COMMON]
    return [*common, *(word for word in arguments[:ends] if word not in COMMON), *arguments[ends:]]
