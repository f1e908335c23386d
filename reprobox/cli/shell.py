"""`reprobox shell`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import GPUS, TRUST, open_context, run_ids
from reprobox.errors import UsageError


def shell(
    ctx: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(
            help="A run whose image, code and inputs are opened; without one, what `reprobox run` "
            "would run now.",
            autocompletion=run_ids,
        ),
    ] = None,
    command: Annotated[
        list[str] | None,
        typer.Argument(help="A program instead of a shell.", metavar="[COMMAND ...]"),
    ] = None,
    config: Annotated[Path, typer.Option("--config", help="The config file.")] = Path(
        "config.yaml"
    ),
    clean: Annotated[
        bool, typer.Option("--clean", help="Refuse a tree that is not clean, as `run` does.")
    ] = False,
    gpus: GPUS = None,
    trust: TRUST = False,
) -> None:
    """Open a shell in a run's own environment.

    The image, the code of the commit, the inputs, the variables and the isolation are the run's.
    What is changed in there is gone at the end. It is noted as exploratory, and is never a run.

    Example:  reprobox shell latest
    """
    from reprobox.commands import shell as flow
    from reprobox.commands.shared.code_choice import Choice

    if not sys.stdin.isatty():
        raise UsageError(
            "a shell needs a terminal", next_step="reprobox run config.yaml, for programs"
        )
    words = list(command or ())
    if run is not None:
        raise typer.Exit(flow.of_run(open_context(ctx), run, words, trust=trust))
    choice = Choice(snapshot=not clean)
    context = open_context(ctx, config)
    raise typer.Exit(flow.of_config(context, config, (), words, choice, gpus))
