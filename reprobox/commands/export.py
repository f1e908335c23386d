"""export: runs with all they need, written into one file."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from reprobox.commands.shared import packing
from reprobox.commands.shared.transfer import Look, Shared, chosen
from reprobox.context import Context
from reprobox.store.transfer import copy, whole_file
from reprobox.store.transfer.copy import Role


def export(
    context: Context,
    references: Sequence[str],
    target: str,
    parts: Sequence[Role],
    look: Look,
    *,
    force: bool = False,
) -> Shared:
    """Writes runs into one file, `-` for stdout; the file appears when it is whole.

    Raises:
        UsageError: the file is there already, and `force` was not said.
        StoreDamaged: bytes are not what was recorded.
    """
    from reprobox.store.transfer.bundle import Writer

    if target != "-" and not force:
        whole_file.refuse_taken(Path(target))
    with (
        packing.packed(context, chosen(context, references), parts) as supply,
        _target(target, force=force) as file,
        Writer(file) as writer,
    ):
        planned = copy.plan(supply, writer)
        look(planned)
        copied = copy.copy(planned, supply, writer, context.progress)
        return Shared(copied=copied, where=target, size=writer.size)


@contextlib.contextmanager
def _target(target: str, *, force: bool) -> Iterator[IO[bytes]]:
    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with whole_file.written(Path(target), replace=force) as file:
        yield file
