"""`reprobox calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, RUN, TRUST, open_context, talk_of


def calibrate(
    ctx: typer.Context,
    run: RUN = "latest",
    count: Annotated[
        int, typer.Option("--count", "-n", help="How many runs to make.", min=1, max=1000)
    ] = 5,
    seeds: Annotated[bool, typer.Option("--seeds", help="Give each a seed of its own.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the runs in the store, tagged calibrate.")
    ] = False,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Give my secrets to a run from elsewhere too.")
    ] = False,
    trust: TRUST = False,
    as_json: JSON = False,
) -> None:
    """Run a past run several times more, and propose rules and claims.

    For experiments that cannot be the same bit for bit: measures how far the outputs are from the
    original's, and prints the lines of config that would let them pass. Nothing is changed.

    Example:  reprobox calibrate latest -n 5 --seeds
    """
    from reprobox.commands import calibrate as command
    from reprobox.views import calibrate as view

    talk = talk_of(ctx)
    found = command.calibrate(
        open_context(ctx),
        run,
        count=count,
        seeds=seeds,
        keep=keep,
        secrets=secrets,
        trust=trust,
    )
    if as_json:
        talk.data(found)
    else:
        tables.draw(talk, view.sections(found))
