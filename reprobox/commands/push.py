"""push: runs sent to a remote store."""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.commands.shared import packing
from reprobox.commands.shared.transfer import Look, Shared, chosen
from reprobox.context import Context
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Role


def push(
    context: Context,
    references: Sequence[str],
    url: str,
    parts: Sequence[Role],
    look: Look,
    *,
    check: bool = False,
) -> Shared:
    """Sends runs to a remote store, by its address (store/remotes/kinds.py).

    Args:
        check: read what the store has of the runs, and send again what is damaged.

    Raises:
        StoreError: it cannot be reached or written; a second push sends what is missing.
        BundleRefused: it has another run with the same id.
    """
    from reprobox.store.remotes.registry import open_remote

    with (
        open_remote(url) as destination,
        packing.packed(context, chosen(context, references), parts) as origin,
    ):
        if check:
            destination.read_again()
        planned = copy.plan(origin, destination)
        look(planned)
        return Shared(copied=copy.copy(planned, origin, destination, context.progress), where=url)
