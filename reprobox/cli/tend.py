"""stop, rm, verify, doctor: looking after runs and this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli import render
from reprobox.cli.common import JSON, RUN, open_box, run_ids, talk_of


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

    A run that is going is refused, and then none of the others is removed either.

    Example:  reprobox rm 20261120-153012-brave-otter-3f9c
    """
    from reprobox.flow import tend

    for run_id in tend.remove(open_box(context), runs):
        talk_of(context).note(f"removed {run_id}")


def verify(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="A run, or the file of a signed statement.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every run.")] = False,
    signers: Annotated[
        Path | None, typer.Option("--signers", help="Allowed signers, as ssh-keygen(1) has them; git's own without.")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also the commit, image layers as the engine has them, objects, inputs.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Check that what was recorded is intact.

    With the file of a signed statement instead of a run: who signed it, and whether it is true.

    Every byte is hashed again. Exit code 0: all are what was recorded; 1: some are not; 4: something could not be checked.

    With --deep, what a run stands on is read too: an edit beneath the engine, which the engine does not notice, is found.

    Example:  reprobox verify latest --deep
    """
    from reprobox.flow import tend

    talk = talk_of(context)
    if run is not None and Path(run).is_file():
        _verify_statement(context, Path(run), signers, as_json)
    found = tend.verify(open_box(context), None if everything else run or "latest", deep=deep)
    if as_json:
        talk.data([item.as_json() for item in found])
    else:
        render.table(talk, ("run", "checked", "damage"), [(item.id, item.checked, item.damage or "none") for item in found])
        for item in found:
            for text in item.unchecked:
                talk.note(f"{item.id}  not checked: {text}")
    raise typer.Exit(1 if any(item.damage for item in found) else 4 if any(item.unchecked for item in found) else 0)


def _verify_statement(context: typer.Context, path: Path, signers: Path | None, as_json: bool) -> None:
    from reprobox.flow import statements

    talk, box = talk_of(context), open_box(context)
    found = list(statements.verify_statement(box, path, signers or statements.allowed_signers(box)))
    if as_json:
        talk.data([{"state": state, "what": what} for state, what in found])
    for state, what in () if as_json else found:
        talk.line(f"{state:<12}{what}")
    states = {state for state, _ in found}
    raise typer.Exit(1 if "wrong" in states else 4 if "not checked" in states else 0)


def doctor(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="A run that is to be replayed here.", autocompletion=run_ids)] = None,
    as_json: JSON = False,
) -> None:
    """Say what this machine can do.

    With a run: which sameness a replay here may expect, and why; the replay's verdict says whether it came true.

    Example:  reprobox doctor latest
    """
    from reprobox.flow import tend

    talk = talk_of(context)
    box = open_box(context)
    found = tend.doctor_run(box, run) if run else tend.doctor(box)
    if as_json:
        talk.data(found)
        return
    for key, value in found.items():
        for number, line in enumerate(_lines(value)):
            talk.line(f"{'' if number else key:<12}{line}")


def _lines(value: object) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}: {text}" for name, text in value.items()]
    # What is in the way of a replay is told with its reasons, in several lines.
    return [line for item in value for line in str(item).split("\n")] or ["nothing"] if isinstance(value, list) else [str(value)]
