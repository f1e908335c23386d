"""The error boundary: whatever went wrong becomes one message on stderr, one exit code, and under
--json one object on stdout.
"""

from __future__ import annotations

import errno
import os
import sys
from types import FrameType
from typing import TYPE_CHECKING, ClassVar, TypeGuard, cast

from reprobox.cli.messages import Talk
from reprobox.errors import ReproboxError, StoreError, UsageError
from reprobox.version import __version__

if TYPE_CHECKING:
    import click

_NAMES = {
    errno.ENAMETOOLONG: "a name is longer than the file system allows",
    errno.ELOOP: "a name leads through too many links",
}
"""What is wrong with a name that was given, wherever that is noticed."""
_MACHINE = {
    errno.ENOSPC: "free some space, also where temporary files go ($TMPDIR), then try again",
    errno.EDQUOT: "your disk quota is used up: free some space, then try again",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`), then try again",
    errno.ENFILE: "the machine has too many open files; try again later",
    errno.ENOMEM: "the machine has no memory left; try again later",
    errno.EAGAIN: "the machine has too many processes; try again later",
    errno.EIO: "the disk failed to answer: look at the kernel's log",
    errno.EROFS: "the file system is mounted read-only",
    errno.EACCES: "see who owns it, and its permissions (`ls -ld`)",
    errno.EPERM: "see who owns it, and its attributes (`ls -ld`, `lsattr`)",
    errno.ESTALE: "the network's file system has lost it: mount it again, then try again",
    errno.ENOLCK: "the file system refuses locks; try again, or keep the project on another one",
}
"""What is the machine's doing and no bug of ours, wherever it happens, and what to do then."""

ENGINE_FAILED = 125
"""What `reprobox run` answers when reprobox or the engine failed, as docker does; other codes are
the experiment's.
"""
INTERRUPTED, _TERMINATED = 130, 143


class Terminated(KeyboardInterrupt):
    """SIGTERM came: what is being made is cleared away, as after Ctrl-C."""

    came: ClassVar[bool] = False


def terminate(_number: int, _frame: FrameType | None) -> None:
    """A handler of SIGTERM. Raises Terminated."""
    Terminated.came = True
    raise Terminated


def stopped(code: int, arguments: list[str]) -> int:
    """The exit code of a command: typer makes 130 of every KeyboardInterrupt, and shows nothing.
    For `run` it may be the program's own.
    """
    if code != INTERRUPTED or (_is_run(arguments) and not Terminated.came):
        return code
    return handle(Terminated() if Terminated.came else KeyboardInterrupt(), arguments)


def handle(error: BaseException, arguments: list[str]) -> int:
    """Prints an error; the exit code."""
    failure = _foreseen(error, arguments)
    if isinstance(failure, UsageError) and not failure.next_step:
        failure.next_step = _help(arguments)
    code = _code(error, failure)
    if _is_help(error):
        cast("click.ClickException", error).show()
    elif isinstance(error, KeyboardInterrupt):
        sys.stderr.write("terminated\n" if code == _TERMINATED else "interrupted\n")
    elif failure is None:
        sys.stderr.write(_bug(error))
    else:
        if "--debug" in arguments or os.environ.get("REPROBOX_DEBUG"):
            import traceback

            traceback.print_exception(error)
        Talk.plain().failure(failure)
    stopped = code in (INTERRUPTED, _TERMINATED)
    answer = ENGINE_FAILED if _is_run(arguments) and not stopped else code
    if _wants_json(arguments) and not Talk.answered:
        Talk.plain().data(_as_data(error, failure, code, answer))
    return answer


def _code(error: BaseException, failure: ReproboxError | None) -> int:
    if isinstance(error, Terminated):
        return _TERMINATED
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return (failure or ReproboxError).code


def _help(arguments: list[str]) -> str:
    from reprobox.cli.command_table import COMMANDS

    names = {row.name for row in COMMANDS}
    command = next((word for word in arguments if word in names), "")
    return " ".join(filter(None, ("reprobox", command, "--help")))


def _is_help(error: BaseException) -> bool:
    """Whether it is the help page, which click raises where a command line is empty."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _is_of_click(error: BaseException) -> TypeGuard[click.ClickException]:
    """Whether click found fault with the command line; it did not where it was never imported."""
    loaded = sys.modules.get("click")
    return loaded is not None and isinstance(error, loaded.ClickException)


def _foreseen(error: BaseException, arguments: list[str]) -> ReproboxError | None:
    """The failure that the user can act on; None for an interruption or a bug."""
    if isinstance(error, ReproboxError):
        return error
    if _is_of_click(error):
        from reprobox.cli.usage_errors import usage_error

        return usage_error(error, arguments)
    if isinstance(error, OSError) and error.errno in _NAMES:
        return UsageError(_NAMES[error.errno], why=str(error), next_step="give a shorter name")
    if isinstance(error, OSError) and error.errno in _MACHINE:
        return StoreError(
            "this machine could not read or write", why=str(error), next_step=_MACHINE[error.errno]
        )
    return None


def _as_data(
    error: BaseException, failure: ReproboxError | None, code: int, answer: int
) -> dict[str, object]:
    """An error for programs, with stable keys."""
    if failure is None:
        stopped = isinstance(error, KeyboardInterrupt)
        what = (
            "interrupted"
            if stopped
            else f"a bug in reprobox {__version__}: {type(error).__name__}: {error}"
        )
        failure = ReproboxError(
            what, next_step="" if stopped else "report it with what was written to stderr"
        )
    return {
        "error": failure.what,
        "why": failure.why,
        "next": failure.next_step,
        "code": code,
        "exit_code": answer,
    }


def _wants_json(arguments: list[str]) -> bool:
    return "--json" in arguments[: arguments.index("--") if "--" in arguments else None]


def _is_run(arguments: list[str]) -> bool:
    takes_value, words = {"-C"}, iter(arguments)
    for word in words:
        if word in takes_value:
            next(words, None)
        elif not word.startswith("-"):
            return word == "run"
    return False


def _bug(error: BaseException) -> str:
    """Everything that a report needs, to paste."""
    import traceback

    trace = "".join(traceback.format_exception(error))
    return (
        f"{trace}\nThis is a bug in reprobox {__version__} (Python {sys.version.split()[0]}, "
        f"{sys.platform}). "
        "Nothing that was recorded is lost.\nnext: report it with the lines above\n"
    )
