"""`reprobox tag`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import JSON, RUN, open_context, talk_of


def tag(
    ctx: typer.Context,
    run: RUN,
    tags: Annotated[list[str], typer.Argument(help="Tags to add.", metavar="TAG...")],
    remove: Annotated[bool, typer.Option("--remove", help="Remove the tags instead.")] = False,
    as_json: JSON = False,
) -> None:
    """Tag a run afterwards.

    The record stays as it was written; `ls --tag` and `show` know the tags.

    Example:  reprobox tag latest baseline
    """
    from reprobox.commands import tag as command

    ids = command.tag(open_context(ctx), [run], tags, remove=remove)
    if as_json:
        talk_of(ctx).data({"id": ids[0], "tags": tags, "removed": remove})
    else:
        talk_of(ctx).line(ids[0])
