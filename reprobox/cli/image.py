"""`reprobox image ...`: telling images apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from reprobox.cli.options import JSON, open_context, talk_of

if TYPE_CHECKING:
    from reprobox.image.image_diff import ImageDiff

_MANY = 50

images = typer.Typer(help="Look at images.", no_args_is_help=True, rich_markup_mode=None)


def _lines(found: ImageDiff) -> Iterator[str]:
    if found.same:
        yield "the same image"
    for name, (ours, theirs) in found.settings.items():
        yield f"setting  {name}: {ours!r} -> {theirs!r}"
    for layer in found.layers:
        yield f"layer    {layer.number} {layer.name}: {_short(layer.left)} -> {_short(layer.right)}"
    for package in found.packages:
        left, right = package.left or "absent", package.right or "absent"
        yield f"{package.kind:<8} {package.name}: {left} -> {right}"
    for file in found.files[:_MANY]:
        yield f"file     {file.path}: {file.what}" + (f" ({file.package})" if file.package else "")
    if len(found.files) > _MANY:
        yield f"... and {len(found.files) - _MANY:,} more files (--json lists all)"


def _short(digest: str | None) -> str:
    return (digest or "absent").removeprefix("sha256:")[:12]


@images.callback()
def group() -> None:
    """Look at images."""


@images.command()
def diff(
    ctx: typer.Context,
    left: Annotated[str, typer.Argument(help="An image: tag, ID, a run, or a lock file.")],
    right: Annotated[str, typer.Argument(help="Another.")],
    as_json: JSON = False,
) -> None:
    """Compare two images by layer, package and file. Exit code 0: the same; 1: different.

    Example:  reprobox image diff reprobox.lock latest
    """
    from reprobox.commands import image as flow

    talk = talk_of(ctx)
    found = flow.diff(open_context(ctx), left, right)
    if as_json:
        talk.data(found)
    else:
        for line in _lines(found):
            talk.line(line)
    raise typer.Exit(0 if found.same else 1)
