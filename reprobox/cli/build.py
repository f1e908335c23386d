"""`reprobox build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import CONFIG, JSON, open_context, talk_of
from reprobox.kit.units import counted


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
    from reprobox.commands import build as command

    talk = talk_of(ctx)
    context = open_context(ctx, config)
    if check:
        _check(ctx, config, as_json)
        return
    built = command.build(context, config, offline=offline)
    image = built.image
    if as_json:
        talk.data(
            {
                "config": image.config,
                "manifest": image.manifest,
                "tag": image.tag,
                "lock": image.lock,
                "how": built.how,
            }
        )
        return
    talk.line(f"image     {image.config}")
    talk.line(f"manifest  {image.manifest}")
    talk.note(f"{built.how}: {image.tag}, {counted(len(image.diff_ids), 'layer')}")
    if built.lock_changed:
        talk.note("the lock now names this image; commit it: every later build anywhere must match")


def _check(ctx: typer.Context, config: Path, as_json: bool) -> None:
    from reprobox.commands import build as command

    talk = talk_of(ctx)
    differences = command.check(open_context(ctx, config), config)
    if as_json:
        talk.data({"same": not differences, "differences": differences})
    for difference in differences if not as_json else ():
        talk.line(
            ": ".join(part for part in (difference.layer, difference.path, difference.what) if part)
        )
    if differences:
        raise typer.Exit(1)
    talk.note("composed twice under different conditions: every layer and the config are the same")
