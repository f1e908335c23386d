"""`reprobox init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import talk_of
from reprobox.errors import UsageError


def init(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(help="The file to write.")] = Path("config.yaml"),
) -> None:
    """Write a commented config to start from.

    Example:  reprobox init config.yaml
    """
    from reprobox.config.load import template

    try:
        with config.open("x") as file:
            file.write(template())
    except FileExistsError as error:
        raise UsageError(
            f"{config} exists and was left alone", next_step="name another file"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{config} cannot be written",
            why=error.strerror or "",
            next_step="name a file in a directory that is there",
        ) from error
    talk_of(ctx).note(f"wrote {config}; next: reprobox lock {config}")
