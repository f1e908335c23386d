"""`reprobox image ...`: telling images apart."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.common import JSON, open_box, talk_of

images = typer.Typer(help="Look at images.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(images, name="image")


@images.callback()
def group() -> None:
    """Look at images."""


@images.command()
def diff(
    context: typer.Context,
    left: Annotated[str, typer.Argument(help="An image: tag, ID, a run, or a lock file.")],
    right: Annotated[str, typer.Argument(help="Another.")],
    as_json: JSON = False,
) -> None:
    """Tell two images apart by layer, package and file. Exit code 0: the same; 1: different.

    Example:  reprobox image diff reprobox.lock latest
    """
    from reprobox.flow import images as flow

    talk = talk_of(context)
    found = flow.diff(open_box(context), left, right)
    if as_json:
        talk.data(found.as_json())
    else:
        for line in found.lines():
            talk.line(line)
    raise typer.Exit(0 if found.same else 1)
