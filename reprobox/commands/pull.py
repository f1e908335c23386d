"""pull: runs fetched from a remote store."""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.commands.shared.transfer import Look, Shared, _receive
from reprobox.context import Context


def pull(
    context: Context,
    references: Sequence[str],
    url: str,
    look: Look,
    *,
    outside_links: bool = False,
) -> Shared:
    """Takes runs from a store elsewhere, by id or unique prefix; all of them when none is named.

    Raises:
        RunNotFound, RunAmbiguous: for the references.
        StoreError: it cannot be reached or read; a second pull goes on.
    """
    from reprobox.store.remotes.remote import open_remote

    with open_remote(url) as remote:
        return _receive(context, remote.choose(references), url, look, outside_links=outside_links)
