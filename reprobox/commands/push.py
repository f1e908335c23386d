"""push: runs sent to a remote store."""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.commands.shared import packing
from reprobox.commands.shared.transfer import Look, Shared, chosen
from reprobox.context import Context
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Role


def push(
    context: Context, references: Sequence[str], url: str, parts: Sequence[Role], look: Look
) -> Shared:
    """Sends runs to a store elsewhere: a directory, `s3://bucket/prefix`, `ssh://user@host/path`.

    Raises:
        StoreError: it cannot be reached or written; a second push sends what is missing.
        BundleRefused: it has another run with the same id.
    """
    from reprobox.store.remotes.remote import open_remote

    with (
        open_remote(url) as stock,
        packing.packed(context, chosen(context, references), parts) as supply,
    ):
        planned = copy.plan(supply, stock)
        look(planned)
        return Shared(copied=copy.copy(planned, supply, stock, context.progress), where=url)
