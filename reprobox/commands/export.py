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
    anonymous: bool = False,
) -> Shared:
    """Writes runs into one file, `-` for stdout; the file appears when it is whole.

    Args:
        anonymous: without who made the runs and where; what could not be taken out is noted.

    Raises:
        UsageError: the file is there already, and `force` was not said.
        StoreDamaged: bytes are not what was recorded.
    """
    if target != "-" and not force:
        whole_file.refuse_taken(Path(target))
    run_ids = chosen(context, references)
    if not anonymous:
        return _write(context, run_ids, target, parts, look, force=force)
    from reprobox.commands.shared import anonymous as anonymous_

    with anonymous_.anonymous(context, run_ids, parts) as (inner, left):
        for one in left:
            context.progress.note(one.sentence)
        return _write(inner, run_ids, target, parts, look, force=force)


def _write(
    context: Context,
    run_ids: Sequence[str],
    target: str,
    parts: Sequence[Role],
    look: Look,
    *,
    force: bool,
) -> Shared:
    from reprobox.store.transfer.bundle import Writer

    with (
        packing.packed(context, run_ids, parts) as origin,
        _target(target, force=force) as file,
        Writer(file) as writer,
    ):
        planned = copy.plan(origin, writer)
        look(planned)
        copied = copy.copy(planned, origin, writer, context.progress)
        return Shared(copied=copied, where=target, size=writer.size)


@contextlib.contextmanager
def _target(target: str, *, force: bool) -> Iterator[IO[bytes]]:
    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with whole_file.written(Path(target), replace=force) as file:
        yield file
