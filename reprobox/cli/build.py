"""`reprobox build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import CONFIG, JSON, talk_of


def build(
    ctx: typer.Context,
    config: CONFIG = Path("config.yaml"),
    check: Annotated[
        bool, typer.Option("--check", help="Compose twice under different conditions and compare.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Fetch nothing: every byte must be in the store.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Make the image from the lock.

    It is composed without a network; the same lock gives the same digest on every engine. The first
    build writes that digest into the lock, so commit the lock after it.

    Example:  reprobox build config.yaml --check
    """
    from reprobox.cli.plain import build as plain

    code = plain.build(talk_of(ctx), config, check=check, offline=offline, as_json=as_json)
    raise typer.Exit(code)
