"""`reprobox lock`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import CONFIG, JSON, open_context, talk_of
from reprobox.kit.units import counted


def lock(
    ctx: typer.Context,
    config: CONFIG = Path("config.yaml"),
    upgrade: Annotated[
        bool, typer.Option("--upgrade", "-U", help="Take the newest of everything.")
    ] = False,
    upgrade_package: Annotated[
        list[str] | None,
        typer.Option("--upgrade-package", "-P", help="Take the newest of this package."),
    ] = None,
    locked: Annotated[
        bool, typer.Option("--locked", help="Change nothing; fail if the lock is stale.")
    ] = False,
    vendor: Annotated[
        bool,
        typer.Option(
            "--vendor",
            help="Make sure that every byte of the lock is in the store, each re-hashed.",
        ),
    ] = False,
    as_json: JSON = False,
) -> None:
    """Pin the environment, every package by sha256.

    Base, Debian packages and wheels are resolved and fetched on this host, with your own pip, uv
    and apt settings.

    Example:  reprobox lock config.yaml --upgrade-package numpy
    """
    from reprobox.commands import lock as command

    talk = talk_of(ctx)
    context = open_context(ctx, config)
    made = command.lock(
        context, config, upgrade=upgrade, upgrade_packages=upgrade_package or (), locked=locked
    )
    if vendor:
        command.vendor(context, made.lock)
    found = made.lock
    if as_json:
        talk.data(
            {
                "lock": str(made.path),
                "digest": made.digest,
                "changed": made.changed,
                "base": found.base.reference,
                "debs": len(found.base.packages) + len(found.debs),
                "wheels": len(found.wheels),
                "conda": len(found.conda),
            }
        )
        return
    state = "wrote" if made.changed else "is fresh:"
    debs = counted(len(found.base.packages) + len(found.debs), "deb")
    conda = f", {counted(len(found.conda), 'conda package')}" if found.conda else ""
    counts = f"{debs}, {counted(len(found.wheels), 'wheel')}{conda}"
    talk.note(
        f"{state} {made.path.name} ({found.base.kind} {found.base.reference}, {counts})  "
        f"{made.digest}"
    )
