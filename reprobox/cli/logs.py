"""`reprobox logs`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from reprobox.cli.options import JSON, RUN, open_context, talk_of


def logs(
    ctx: typer.Context,
    run: RUN = "latest",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Follow until the run has ended.")
    ] = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="Only what it wrote to stderr.")] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Only what it wrote to stdout.")] = False,
    as_json: JSON = False,
) -> None:
    """Print what a run wrote.

    Byte for byte: its stdout on stdout, its stderr on stderr. With --follow the last line, on
        stderr, says how the run ended.

    Example:  reprobox logs -f latest
    """
    from reprobox.commands import logs as command
    from reprobox.commands import wait as ending
    from reprobox.executor import reconcile
    from reprobox.views import run as view

    talk = talk_of(ctx)
    context = open_context(ctx)
    if as_json:
        talk.data(command.logs_json(context, run))
        return
    run = reconcile.find(context, run)  # `latest` may be another run at the end
    wanted = [name for name, asked in (("stdout", stdout), ("stderr", stderr)) if asked] or [
        "stdout",
        "stderr",
    ]
    for name, chunk in command.logs(context, run, follow=follow):
        if name in wanted:
            target = sys.stdout.buffer if name == "stdout" else sys.stderr.buffer
            target.write(chunk)
            target.flush()
    if follow:
        for record in ending.wait(context, [run]):
            talk.note(view.end(record))
