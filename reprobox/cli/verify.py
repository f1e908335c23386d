"""`reprobox verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, open_context, talk_of


def verify(
    ctx: typer.Context,
    run: Annotated[
        str | None, typer.Argument(help="A run, or the file of a signed statement.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every run.")] = False,
    signers: Annotated[
        Path | None,
        typer.Option(
            "--signers", help="Allowed signers, as ssh-keygen(1) has them; git's own without."
        ),
    ] = None,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Also the commit, image layers as the engine has them, objects, inputs."
        ),
    ] = False,
    authorities: Annotated[
        Path | None,
        typer.Option(
            "--timestamp-ca",
            help="Certificates (PEM) that a statement's time stamp has to end in.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Check that what was recorded is intact.

    With the file of a signed statement instead of a run: who signed it, and whether it is true.

    Every byte is hashed again. Exit code 0: all are what was recorded; 1: some are not; 4:
    something could not be checked.

    With --deep, what a run stands on is read too: an edit beneath the engine, which the engine does
    not notice, is found.

    Example:  reprobox verify latest --deep
    """
    from reprobox.commands import verify as command

    talk = talk_of(ctx)
    if run is not None and Path(run).is_file():
        _verify_statement(ctx, Path(run), signers, authorities, as_json)
    found = command.verify(open_context(ctx), None if everything else run or "latest", deep=deep)
    if as_json:
        talk.data([item.as_json() for item in found])
    else:
        tables.table(
            talk,
            ("run", "checked", "damage"),
            [(item.id, item.checked, item.damage or "none") for item in found],
        )
        for item in found:
            for text in item.unchecked:
                talk.note(f"{item.id}  not checked: {text}")
    raise typer.Exit(
        1
        if any(item.damage for item in found)
        else 4
        if any(item.unchecked for item in found)
        else 0
    )


def _verify_statement(
    ctx: typer.Context,
    path: Path,
    signers: Path | None,
    authorities: Path | None,
    as_json: bool,
) -> None:
    from reprobox.commands import attest

    talk, context = talk_of(ctx), open_context(ctx)
    known = signers or attest.allowed_signers(context)
    found = list(attest.verify_statement(context, path, known, authorities))
    if as_json:
        talk.data([{"state": state, "what": what} for state, what in found])
    for state, what in () if as_json else found:
        talk.line(f"{state:<12}{what}")
    states = {state for state, _ in found}
    raise typer.Exit(1 if "wrong" in states else 4 if "not checked" in states else 0)
