"""stop, rm, verify, doctor: looking after runs and this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli import render
from reprobox.cli.common import JSON, RUN, open_box, talk_of


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(stop)
    app.command(name="rm")(remove)
    app.command()(verify)
    app.command()(doctor)


def stop(
    context: typer.Context,
    run: RUN,
    kill: Annotated[bool, typer.Option("--kill", help="At once, without the chance to end by itself.")] = False,
) -> None:
    """Stop a run that is going.

    TERM, then KILL after ten seconds. Its record says so.

    Example:  reprobox stop latest
    """
    from reprobox.flow import tend

    tend.stop(open_box(context), run, kill=kill)


def remove(context: typer.Context, runs: Annotated[list[str], typer.Argument(help="Runs.", metavar="RUN...")]) -> None:
    """Remove runs with their outputs.

    A run that is going is refused.

    Example:  reprobox rm 20261120-153012-brave-otter-3f9c
    """
    from reprobox.flow import tend

    box = open_box(context)
    for run in runs:
        talk_of(context).note(f"removed {tend.remove(box, run)}")


def verify(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="A run.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every run.")] = False,
    as_json: JSON = False,
) -> None:
    """Check that records and outputs are intact.

    Every byte is hashed again. Exit code 0: all are what was recorded; 1: some are not.

    Example:  reprobox verify latest
    """
    from reprobox.flow import tend

    talk = talk_of(context)
    found = tend.verify(open_box(context), None if everything else run or "latest")
    if as_json:
        talk.data([item.as_json() for item in found])
    else:
        render.table(
            talk, ("run", "checked", "damage"), [(item.id, item.checked, "\n".join(item.damage) or "none") for item in found]
        )
    raise typer.Exit(1 if any(item.damage for item in found) else 0)


def doctor(context: typer.Context, as_json: JSON = False) -> None:
    """Say what this machine can do.

    Example:  reprobox doctor --json
    """
    from reprobox.flow import tend

    talk = talk_of(context)
    found = tend.doctor(open_box(context))
    if as_json:
        talk.data(found)
        return
    for key, value in found.items():
        talk.line(
            f"{key:<12}{value if not isinstance(value, dict) else ', '.join(f'{name}: {text}' for name, text in value.items())}"
        )
