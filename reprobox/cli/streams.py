"""What a running program writes, passed on."""

from __future__ import annotations

import sys


class Streams:
    """Live output: the program's stdout on ours and its stderr on ours; all on stderr where stdout
    is for JSON.
    """

    def __init__(self, *, quiet_stdout: bool) -> None:
        self._out = sys.stderr.buffer if quiet_stdout else sys.stdout.buffer

    def write(self, stream: str, data: bytes) -> None:
        """Passes bytes on as they are."""
        target = self._out if stream == "stdout" else sys.stderr.buffer
        target.write(data)
        target.flush()
