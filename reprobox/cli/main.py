"""`reprobox`: the commands, and the one place where a failure becomes an exit code.

Heavy imports (docker, rich tables, git) happen inside the commands that need them, so that `--help` and a no-op stay quick.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import click
import typer
from typer import core

from reprobox.cli import care, images, look, make, runs, share, tend, why
from reprobox.cli.talk import Talk
from reprobox.errors import ReproboxError, StoreError, UsageError
from reprobox.version import __version__

# typer asks rich to escape each line of plain help; importing it for that costs three quarters of `--help`.
core.HAS_RICH = False

app = typer.Typer(
    name="reprobox",
    help="Run a past machine-learning experiment again, bit for bit, from its record.\n\n"
    "A first time:  reprobox lock, reprobox build, git commit, reprobox run config.yaml, reprobox replay latest",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: importing rich for it doubles the time of --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_MACHINE = {
    errno.ENOSPC: "free some space, also where temporary files go ($TMPDIR), then try again",
    errno.EDQUOT: "your disk quota is used up: free some space, then try again",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`), then try again",
    errno.ENFILE: "the machine has too many open files; try again later",
    errno.ENOMEM: "the machine has no memory left; try again later",
    errno.EAGAIN: "the machine has too many processes; try again later",
    errno.EIO: "the disk failed to answer: look at the kernel's log",
    errno.EROFS: "the file system is mounted read-only",
    errno.ENOLCK: "the file system refuses locks; try again, or keep the project on another one",
}
"""What is the machine's doing and no bug of ours, wherever it happens, and what to do then."""
_COMMON = ("-q", "--quiet", "--no-color", "--debug")

ENGINE_FAILED = 125
"""What `reprobox run` answers when reprobox or the engine failed, as docker does; other codes are the experiment's."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"reprobox {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", envvar="NO_COLOR", help="No colours.")] = False,
    debug: Annotated[bool, typer.Option("--debug", envvar="REPROBOX_DEBUG", help="Show tracebacks.")] = False,
    directory: Annotated[Path | None, typer.Option("-C", help="Start in this directory.", metavar="DIR")] = None,
    _version_wanted: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Options of every command."""
    try:
        os.chdir(directory or os.getcwd())
    except OSError as error:
        place = f"the directory {directory}" if directory else "the current directory"
        raise UsageError(
            f"{place} cannot be entered", why=error.strerror or "", next_step="go to a directory that is there"
        ) from error
    context.obj = Talk(quiet=quiet, color=not no_color and sys.stderr.isatty(), debug=debug)


for module in (make, runs, look, why, tend):
    module.register(app)
images.register(app)
share.register(app)
care.register(app)


def main() -> None:
    """The error boundary: one clear message on stderr, one exit code a kind of failure."""
    arguments = _hoisted(sys.argv[1:])
    debug = "--debug" in arguments or bool(os.environ.get("REPROBOX_DEBUG"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # where the locale is ASCII, a name is shown as escapes
    try:
        sys.exit(app(args=arguments, standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(ENGINE_FAILED if _is_run(arguments) else error.exit_code)
    except ReproboxError as error:
        if debug:
            traceback.print_exc()
        Talk.plain().failure(error)
        sys.exit(ENGINE_FAILED if _is_run(arguments) else error.code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our stdout has gone; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        code = _unforeseen(error, debug=debug)
        sys.exit(ENGINE_FAILED if _is_run(arguments) else code)


def _hoisted(arguments: list[str]) -> list[str]:
    """The options of every command are taken after the command too: `reprobox run -q`."""
    ends = arguments.index("--") if "--" in arguments else len(arguments)
    common = [word for word in arguments[:ends] if word in _COMMON]
    return [*common, *(word for word in arguments[:ends] if word not in _COMMON), *arguments[ends:]]


def _is_run(arguments: list[str]) -> bool:
    takes_value, words = {"-C"}, iter(arguments)
    for word in words:
        if word in takes_value:
            next(words, None)
        elif not word.startswith("-"):
            return word == "run"
    return False


def _unforeseen(error: Exception, *, debug: bool) -> int:
    """Tells what no room has told; the exit code."""
    if isinstance(error, OSError) and error.errno in _MACHINE and not debug:
        told = StoreError("this machine could not read or write", why=str(error), next_step=_MACHINE[error.errno])
        Talk.plain().failure(told)
        return told.code
    sys.stderr.write(_bug(error))
    return 70


def _bug(error: Exception) -> str:
    """Everything that a report needs, to paste."""
    trace = "".join(traceback.format_exception(error))
    return (
        f"{trace}\nThis is a bug in reprobox {__version__} (Python {sys.version.split()[0]}, {sys.platform}). "
        "Nothing that was recorded is lost.\nnext: report it with the lines above\n"
    )


if __name__ == "__main__":
    main()
