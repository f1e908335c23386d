"""The one door to other programs: argument lists only, never a shell, the environment given in full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


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
        subprocess.TimeoutExpired: after `timeout` seconds; the program is killed.
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
    return Done(argv=tuple(os.fsdecode(part) for part in argv), code=done.returncode, out=done.stdout, err=done.stderr)
