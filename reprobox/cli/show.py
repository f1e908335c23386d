"""`reprobox show`."""

from __future__ import annotations

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, RUN, open_context, talk_of


def show(ctx: typer.Context, run: RUN = "latest", as_json: JSON = False) -> None:
    """Show one run.

    What was asked, what was observed, what came out, and who has confirmed it.

    Example:  reprobox show latest --json
    """
    from reprobox.commands import attest
    from reprobox.commands import show as command
    from reprobox.views import run as view

    talk, context = talk_of(ctx), open_context(ctx)
    found = command.show(context, run)
    signed = (
        attest.confirmations(context, found.id, attest.allowed_signers(context))
        if found.record
        else []
    )
    if as_json:
        talk.data({**found.as_json(), "statements": [one.as_json() for one in signed]})
        return
    tables.draw(talk, view.sections(found, signed))
