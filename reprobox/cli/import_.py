"""`reprobox import`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import JSON, open_context, talk_of
from reprobox.cli.transfer_options import DRY_IN, LINKS, _do, _look


def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(help="A bundle; - for stdin.")],
    outside_links: LINKS = False,
    dry: DRY_IN = False,
    as_json: JSON = False,
) -> None:
    """Take the runs of a bundle into this repository.

    Where there is none, a repository is made with their code.

    A bundle holds another person's program: look at it before you replay it.

    Example:  reprobox import result.rbx
    """
    from reprobox.commands import import_ as command

    talk = talk_of(ctx)
    context = open_context(ctx)
    _do(
        lambda: command.import_(
            context, file, _look(talk, "importing", dry), outside_links=outside_links
        ),
        talk,
        as_json,
    )
