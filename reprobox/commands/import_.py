"""import: the runs of a bundle, taken into a project."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from reprobox.commands.shared.transfer import Look, Shared, receive
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.kit.text import shown


def import_(context: Context, source: str, look: Look, *, outside_links: bool = False) -> Shared:
    """Takes the runs of a bundle (`-` for stdin) into the project around `context.start`, or makes
    a repository there.

    Raises:
        BundleRefused, NewerFormat: nothing of it was published.
        RunBusy: another import is running.
    """
    from reprobox.store.transfer.bundle import Reader

    with _source(source) as file:
        origin = Reader(file)
        return receive(context, origin, source, look, outside_links=outside_links)


@contextlib.contextmanager
def _source(source: str) -> Iterator[IO[bytes]]:
    if source == "-":
        yield sys.stdin.buffer
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(Path(source).open("rb"))
        except OSError as fault:
            raise UsageError(
                f"cannot read {shown(source)}",
                why=fault.strerror or str(fault),
                next_step="reprobox import --help",
            ) from fault
        yield file
