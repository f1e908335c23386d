"""A pipe that a program must not outlive the holder of.

A scheduler ends a job by killing its processes, and no engine's container is one of them. So the
process that supervises a run under a scheduler holds a pipe in the run's `out` open, which the shim
looks at: the kernel closes it with the process, however that ends, and the shim then ends the
program. Nothing of the engine is needed for it, so it holds on every engine whose containers run on
the host's own kernel.
"""

from __future__ import annotations

import os
from pathlib import Path

NAME = "lifeline"
"""In `out`; runtime/payload/shim.py has the same."""


class Lifeline:
    """Held from `tie` until `cut`, or until this process ends."""

    def __init__(self) -> None:
        self._file: int | None = None

    def tie(self, out: Path) -> None:
        """Makes the pipe, before the container starts. Not passed on to programs that we start."""
        place = out / NAME
        os.mkfifo(place, 0o600)
        # For reading too: opened for writing alone, it would wait for the shim.
        self._file = os.open(place, os.O_RDWR | os.O_CLOEXEC)

    def cut(self) -> None:
        """Lets go: the program is ended, if it has not ended."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
