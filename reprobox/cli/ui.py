"""`reprobox ui`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from reprobox.cli.options import JSON, open_context, talk_of


def ui(
    ctx: typer.Context,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the web browser.")] = False,
    port: Annotated[
        int, typer.Option("--port", help="The port (0: any that is free).", min=0, max=65535)
    ] = 0,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="No tags and notes from the page.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Show the project's runs as pages in a web browser.

    The pages are on 127.0.0.1 only, and the address holds a token. Ctrl-C ends it.

    Example:  reprobox ui --open
    """
    from reprobox.errors import UsageError

    try:
        from reprobox.web import server
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"the page needs {missing.name}, which is not installed",
            next_step="pip install 'reprobox[ui]'",
        ) from missing
    talk, context = talk_of(ctx), open_context(ctx)

    def ready(address: str, once: Callable[[], str]) -> None:
        if as_json:
            talk.data({"address": address})
        else:
            talk.line(address)
        sys.stdout.flush()
        talk.note("Ctrl-C ends it")
        if open_ and typer.launch(once()) != 0:
            talk.note("no web browser could be opened; open the address yourself")

    server.serve(context, port=port, read_only=read_only, ready=ready)
