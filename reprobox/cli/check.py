"""`reprobox check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.options import (
    COMMIT,
    CONFIG,
    JSON,
    OVERRIDES,
    config_first,
    open_context,
    talk_of,
)


def check(
    ctx: typer.Context,
    config: CONFIG = Path("config.yaml"),
    overrides: OVERRIDES = None,
    steps: Annotated[int, typer.Option("--steps", help="Optimizer steps to compare.", min=1)] = 3,
    limit: Annotated[
        float, typer.Option("--limit", help="Seconds that each of the two runs may take.", min=1)
    ] = 600,
    gpus: Annotated[
        str | None, typer.Option("--gpus", help="As docker's --gpus.", metavar="DEVICES")
    ] = None,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Take a tree that is not clean as it is.")
    ] = False,
    commit: COMMIT = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the two runs in the store, tagged preflight.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Run the first steps twice and compare, before the long job.

    The two start at different moments, under different load and with different temporary
    directories. A program that takes no optimizer step of torch is run whole. Nothing is left
    behind.

    Makes 2 runs, and 2 more to find the operation where they differ; beside each other where CPUs
    and memory are enough for both. A few steps take as long as the program needs to begin (import
    torch, load its data), and that twice.

    Exit code 0: the same. 1: different. 60: nothing could be compared, or not all.

    Example:  reprobox check config.yaml --steps 5
    """
    from reprobox.commands import check as flow
    from reprobox.commands.shared.code_choice import Choice
    from reprobox.views import check as view

    talk = talk_of(ctx)
    config, overrides = config_first(config, overrides or [])
    context = open_context(ctx, None if commit else config)
    found = flow.check_config(
        context,
        config,
        overrides,
        steps=steps,
        limit=limit,
        keep=keep,
        gpus=gpus,
        choice=Choice(snapshot=snapshot, commit=commit),
    )
    if as_json:
        talk.data(view.as_json(found))
    else:
        tables.draw(talk, view.sections(found))
    raise typer.Exit(found.verdict.result.code)
