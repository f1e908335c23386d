"""`reprobox artifact`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import JSON, RUNS, open_context, talk_of
from reprobox.cli.transfer_options import _DEFAULT, WITH


def artifact(
    ctx: typer.Context,
    runs: RUNS,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The directory to write.", metavar="DIR")
    ],
    title: Annotated[str, typer.Option("--title", help="Of the paper or the package.")] = "",
    license_: Annotated[
        str, typer.Option("--license", help="SPDX id of the licence, as in Apache-2.0.")
    ] = "",
    parts: WITH = _DEFAULT,
    anonymous: Annotated[
        bool,
        typer.Option(
            "--anonymous",
            help="Without author, host, paths and remotes; prints where a name is still left.",
        ),
    ] = False,
    as_json: JSON = False,
) -> None:
    """Write a package for the reviewers of a paper's artifact.

    Claims with command, time, memory, disk and hardware as measured; a smoke run of minutes; the
    appendix as Markdown and LaTeX; codecheck.yml and a certificate from the verdicts of replays;
    Zenodo's metadata; each run as an RO-Crate; and the runs themselves for `reprobox import`.

    Example:  reprobox artifact baseline ours -o artifact --license Apache-2.0
    """
    from reprobox.commands import artifact as command
    from reprobox.commands.shared import transfer

    talk = talk_of(ctx)
    made = command.artifact(
        open_context(ctx),
        runs,
        output,
        title=title,
        license_=license_,
        parts=transfer.parts_of(parts),
        anonymous=anonymous,
    )
    if as_json:
        talk.data(made)
        return
    for note in made.notes:
        talk.note(note)
    talk.line(made.path)
