"""`reprobox doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, open_context, run_ids, talk_of
from reprobox.errors import UsageError

_OLD_KEYS = {"cpu_code": "cpu code", "in_the_way": "in the way"}
"""Keys under which 0.1 gave the same values in JSON."""


def doctor(
    ctx: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(help="A run that is to be replayed here.", autocompletion=run_ids),
    ] = None,
    gpu: Annotated[
        bool, typer.Option("--gpu", help="What was found of GPUs, and what may be promised.")
    ] = False,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", help="What a cluster offers, as this host sees it: slurm.", metavar="EXECUTOR"
        ),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Show what this machine can do.

    With a run: how far a replay here can be the same, and why. With `--on slurm`: partitions,
    limits, GPUs, the engines of this node, and whether the store can be shared.

    Example:  reprobox doctor latest
    """
    from reprobox.commands import doctor as command
    from reprobox.views import doctor as view

    talk = talk_of(ctx)
    context = open_context(ctx)
    if on not in (None, "local"):
        if run or gpu:
            raise UsageError(
                "--on excludes a run and --gpu", next_step=f"reprobox doctor --on {on}"
            )
        cluster = command.doctor_on(context, on)
        talk.data(cluster) if as_json else tables.draw(talk, view.on_a_cluster(cluster))
        return
    if gpu:
        found = command.doctor_gpu(context)
    else:
        found = command.doctor_run(context, run) if run else command.doctor(context)
    if as_json:
        talk.data({**found, **{old: found[new] for new, old in _OLD_KEYS.items() if new in found}})
        return
    tables.draw(talk, view.sections(found))
