"""The process of a command: its signals and streams, and the one place where a failure becomes an
exit code.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import signal
import sys

from reprobox.cli import boundary
from reprobox.cli.messages import output_lost
from reprobox.cli.plain import words

READER_GONE = 141
"""As of a program that SIGPIPE ended: `reprobox replay … | head`."""


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
    code = _flushed(answer(arguments), arguments)
    if _is_the_program():
        _leave(code)
    sys.exit(code)


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


def answer(arguments: list[str]) -> int:
    """Runs a command line; its exit code."""
    try:
        return boundary.stopped(_carry_out(arguments), arguments)
    except SystemExit as end:
        # click exits with 1 where the reader of our stdout has gone; 1 means "different" here.
        if isinstance(end.__context__, BrokenPipeError):
            return READER_GONE
        raise
    except BrokenPipeError:
        return READER_GONE
    except (Exception, KeyboardInterrupt) as error:
        return boundary.handle(error, arguments)


def _carry_out(arguments: list[str]) -> int:
    """The exit code of the command; 130 where it was interrupted, as typer has it."""
    line = words.read(arguments)
    if line is None:
        from reprobox.cli.command_line import app

        return int(app(args=arguments, standalone_mode=False) or 0)
    try:
        return words.carry_out(line)
    except KeyboardInterrupt:
        return boundary.INTERRUPTED


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


def _is_the_program() -> bool:
    """Whether this process was started as `reprobox` or `python -m reprobox.cli.main`, and not by a
    program that called `main`.
    """
    started = getattr(sys.modules["__main__"], "__file__", None) or ""
    return os.path.basename(started) == "reprobox" or started == os.path.join(
        os.path.dirname(__file__), "main.py"
    )


def _leave(code: int) -> None:
    """Ends the process. What was registered for its end is done, and threads that are not daemons
    are waited for; the modules are not taken apart, which takes as long as loading thirty of them.
    """
    threading = sys.modules.get("threading")
    if threading is not None and any(
        one is not threading.main_thread() and not one.daemon for one in threading.enumerate()
    ):
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _hoisted(arguments: list[str]) -> list[str]:
    """The options of every command are taken after the command too: `reprobox run -q`."""
    ends = arguments.index("--") if "--" in arguments else len(arguments)
    common = [word for word in arguments[:ends] if word in words.COMMON]
    return [
        *common,
        *(word for word in arguments[:ends] if word not in words.COMMON),
        *arguments[ends:],
    ]
