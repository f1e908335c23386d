"""`reprobox pull`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import JSON, open_context, talk_of
from reprobox.cli.transfer_options import DRY_IN, LINKS, _do, _look
from reprobox.store.remotes.kinds import ADDRESSES


def pull(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Option("--from", help=ADDRESSES, metavar="PLACE"),
    ],
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Runs, by id or unique prefix; all without.", metavar="[RUN...]"),
    ] = None,
    outside_links: LINKS = False,
    dry: DRY_IN = False,
    as_json: JSON = False,
) -> None:
    """Take runs from a remote store.

    Only what is not here is fetched. What is damaged or missing in a run that is named is fetched
    again.

    Example:  reprobox pull --from s3://results/2026 20261120-153012
    """
    from reprobox.commands import pull as command

    talk = talk_of(ctx)
    context = open_context(ctx)
    _do(
        lambda: command.pull(
            context, runs or (), source, _look(talk, "pulling", dry), outside_links=outside_links
        ),
        talk,
        as_json,
    )
