"""pull: runs fetched from a remote store."""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.commands.shared.transfer import Look, Shared, receive
from reprobox.context import Context


def pull(
    context: Context,
    references: Sequence[str],
    url: str,
    look: Look,
    *,
    outside_links: bool = False,
) -> Shared:
    """Takes runs from a remote store, by id or unique prefix; all of them when none is named.

    What is here of a run that is named is hashed, and put right where it is damaged. When all are
    pulled, an output that was not touched since its record was written counts as whole.

    Raises:
        RunNotFound, RunAmbiguous: for the references.
        StoreError: it cannot be reached or read; a second pull continues.
    """
    from reprobox.store.remotes.registry import open_remote

    with open_remote(url) as remote:
        chosen = remote.choose(references)
        for run_id, why in chosen.skipped.items():
            context.progress.note(f"run {run_id} there was skipped: {why}")
        return receive(
            context,
            chosen,
            url,
            look,
            outside_links=outside_links,
            thorough=bool(references),
        )
