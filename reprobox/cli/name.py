"""`reprobox name`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import JSON, RUN, open_context, talk_of


def name(
    ctx: typer.Context,
    run: RUN,
    text: Annotated[str, typer.Argument(help="The name; '' takes it away.", metavar="NAME")],
    as_json: JSON = False,
) -> None:
    """Name a run afterwards.

    Example:  reprobox name latest best
    """
    from reprobox.commands import name as command

    found = command.name(open_context(ctx), run, text)
    talk_of(ctx).data({"id": found, "name": text}) if as_json else talk_of(ctx).line(found)
