"""`reprobox run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import COMMIT, CONFIG, GPUS, JSON, NAME, ON, talk_of


def run(
    ctx: typer.Context,
    config: CONFIG = Path("config.yaml"),
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Hydra's grammar: a.b=1, +new=1, ~gone.", metavar="[a.b=1 ...]"),
    ] = None,
    gpus: GPUS = None,
    name: NAME = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")] = None,
    snapshot: Annotated[
        bool,
        typer.Option(
            "--snapshot", help="Take a tree that is not clean as it is, as a hidden commit."
        ),
    ] = False,
    commit: COMMIT = None,
    preflight: Annotated[
        int | None,
        typer.Option(
            "--preflight",
            help="First run so many steps twice, and stop if they differ.",
            min=1,
            metavar="N",
        ),
    ] = None,
    notebook: Annotated[
        Path | None,
        typer.Option(
            "--notebook",
            help="Execute this notebook instead of the config's command; the executed one is kept "
            "as executed/NAME.ipynb. The environment needs nbconvert and ipykernel.",
            metavar="FILE",
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Print the id and leave the run alone.")
    ] = False,
    on: ON = "local",
    as_json: JSON = False,
) -> None:
    """Run the commit in the image, and record it.

    Everything that may decide a bit is pinned first: code, config, inputs, image, environment,
    devices.

    The program's exit code is passed on. 124: it was ended at its time limit. 125: reprobox or the
        engine failed. 130: it was interrupted, and answered that with 0.

    Example:  reprobox run config.yaml learning_rate=0.01 --gpus device=0
    """
    from reprobox.cli.plain import run as plain

    code = plain.run(
        talk_of(ctx),
        config,
        overrides or [],
        gpus=gpus,
        name=name,
        tag=tag or (),
        snapshot=snapshot,
        commit=commit,
        preflight=preflight,
        notebook=notebook,
        detach=detach,
        on=on,
        as_json=as_json,
    )
    raise typer.Exit(code)
