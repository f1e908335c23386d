"""The one door to other programs: argument lists only, never a shell, the environment given in
full.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

from reprobox.kit.lazy_dataclass import dataclass

TooLong = subprocess.TimeoutExpired
"""What `run` raises when the time is over."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A finished program."""

    argv: tuple[str, ...]
    code: int
    out: bytes
    err: bytes

    @property
    def ok(self) -> bool:
        """Whether it exited with 0."""
        return self.code == 0

    @property
    def error_text(self) -> str:
        """What it said on stderr, for people."""
        return self.err.decode("utf-8", "replace").strip()


def run(
    argv: Sequence[str | bytes | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    timeout: float | None = None,
) -> Done:
    """Runs a program to its end and gives what it said.

    Args:
        env: the whole environment; None inherits this process's.
        timeout: seconds.

    Raises:
        FileNotFoundError: when the program does not exist.
        TooLong: after `timeout` seconds; the program is killed.
    """
    done = subprocess.run(
        [os.fspath(part) for part in argv],
        cwd=cwd,
        env=env,
        input=stdin,
        timeout=timeout,
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL if stdin is None else None,
    )
    return Done(
        argv=tuple(os.fsdecode(part) for part in argv),
        code=done.returncode,
        out=done.stdout,
        err=done.stderr,
    )


class Dialogue:
    """A program that answers one question after another until it is closed.

    stderr goes to a file. The caller must not write more than `room` bytes of questions before it
    has read the answers: both ends are pipes, and each would wait for the other.
    """

    def __init__(
        self,
        argv: Sequence[str | bytes | os.PathLike[str]],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Starts the program. Raises FileNotFoundError when it does not exist."""
        self.argv = tuple(os.fsdecode(part) for part in argv)
        self._errors = _unnamed_file()
        try:
            self._process = subprocess.Popen(
                [os.fspath(part) for part in argv],
                env=env,
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        except BaseException:
            self._errors.close()
            raise
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the pipes that were asked for are missing")
        self.questions, self.answers = self._process.stdin, self._process.stdout
        self.room = fcntl.fcntl(self.questions, fcntl.F_GETPIPE_SZ)
        weakref.finalize(self, _end, self._process, (self.questions, self.answers), self._errors)

    def error_text(self) -> str:
        """What it wrote to stderr so far."""
        self._errors.seek(0)
        return self._errors.read().decode("utf-8", "replace").strip()

    def finish(self) -> Done:
        """Ends the conversation and waits for the program; `out` of the result is empty."""
        _close(self.questions)
        _close(self.answers)
        code = self._process.wait()
        self._errors.seek(0)
        return Done(argv=self.argv, code=code, out=b"", err=self._errors.read())


def _unnamed_file() -> IO[bytes]:
    """In memory, and not by `tempfile`, whose import loads three compressors."""
    return os.fdopen(os.memfd_create("stderr"), "w+b")


def _close(pipe: IO[bytes]) -> None:
    with contextlib.suppress(OSError):
        pipe.close()


def _end(
    process: subprocess.Popen[bytes], pipes: tuple[IO[bytes], IO[bytes]], errors: IO[bytes]
) -> None:
    """Ends a program that is not needed any more: without its pipes it has nothing to wait for."""
    for pipe in pipes:
        _close(pipe)
    process.wait()
    errors.close()


class Piped:
    """A program that is being read from, or written to, while it runs."""

    def __init__(
        self,
        argv: tuple[str, ...],
        process: subprocess.Popen[bytes],
        pipe: IO[bytes],
        errors: IO[bytes],
    ) -> None:
        self.argv, self.pipe = argv, pipe
        self._process, self._errors = process, errors

    def finish(self) -> Done:
        """Closes the pipe and waits for the end; `out` of the result is empty."""
        with contextlib.suppress(BrokenPipeError):
            self.pipe.close()
        code = self._process.wait()
        self._errors.seek(0)
        return Done(argv=self.argv, code=code, out=b"", err=self._errors.read())


@contextlib.contextmanager
def piped(
    argv: Sequence[str | bytes | os.PathLike[str]],
    *,
    direction: Literal["read", "write"],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: IO[bytes] | None = None,
) -> Iterator[Piped]:
    """Runs a program whose output is read, or whose input is written, piece by piece; killed if the
    block is left before `finish`.

    Only one end is a pipe and stderr goes to a file, so that nothing can block on the other.

    Args:
        stdin: a real file that the program reads, for direction `read`.

    Raises:
        FileNotFoundError: when the program does not exist.
    """
    reading = direction == "read"
    with (
        _unnamed_file() as errors,
        subprocess.Popen(
            [os.fspath(part) for part in argv],
            cwd=cwd,
            env=env,
            stdin=(stdin or subprocess.DEVNULL) if reading else subprocess.PIPE,
            stdout=subprocess.PIPE if reading else subprocess.DEVNULL,
            stderr=errors,
        ) as process,
    ):
        pipe = process.stdout if reading else process.stdin
        if pipe is None:
            raise AssertionError("the pipe that was asked for is missing")
        try:
            yield Piped(tuple(os.fsdecode(part) for part in argv), process, pipe, errors)
        finally:
            if process.poll() is None:
                process.kill()
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def detached(
    argv: Sequence[str | bytes | os.PathLike[str]], *, env: Mapping[str, str] | None = None
) -> str:
    """Starts a program that outlives us, and waits until it has closed its stdout; what it wrote
    there. Its process must hand over to another one (fork) and end.

    Raises:
        FileNotFoundError: when the program does not exist.
    """
    done = subprocess.run(
        [os.fspath(part) for part in argv],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace")
