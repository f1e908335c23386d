"""`reprobox pull`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import JSON, open_context, talk_of
from reprobox.cli.transfer_options import DRY, LINKS, _do, _look


def pull(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Option(
            "--from", help="A directory, s3://bucket/prefix or ssh://host/path.", metavar="PLACE"
        ),
    ],
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Runs, by id or unique prefix; all without.", metavar="[RUN...]"),
    ] = None,
    outside_links: LINKS = False,
    dry: DRY = False,
    as_json: JSON = False,
) -> None:
    """Take runs from a store elsewhere.

    Only what is not here is fetched.

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
