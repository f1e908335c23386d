"""`reprobox attest`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import JSON, RUN, open_context, talk_of
from reprobox.errors import UsageError


class Form(Enum):
    """What a statement is written as."""

    INTOTO = "intoto"
    CYCLONEDX = "cyclonedx"
    CRATE = "crate"


def attest(
    ctx: typer.Context,
    run: RUN,
    key: Annotated[
        Path | None,
        typer.Option("--key", help="The SSH key to sign with; git's user.signingKey without."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write here instead of signing.", metavar="PATH"),
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="intoto, cyclonedx, or crate (a directory).")
    ] = Form.INTOTO,
    license_: Annotated[
        str, typer.Option("--license", help="What an RO-Crate says of its licence.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    as_json: JSON = False,
) -> None:
    """Sign a statement of what a run was made from.

    For a replay that was identical, its original is confirmed too.

    Example:  reprobox attest latest
    """
    from reprobox.commands import attest as attest_

    talk, context = talk_of(ctx), open_context(ctx)
    if output is not None:
        attest_.export_format(context, run, form.value, output, license_=license_, force=force)
        talk.note(f"wrote {output}")
    elif form is not Form.INTOTO:
        raise UsageError(f"{form.value} is written to a file", next_step="name it: -o PATH")
    else:
        made = attest_.attest(context, run, key)
        if as_json:
            talk.data(
                [
                    {"run": one.run, "kind": one.kind, "key": one.key, "path": str(one.path)}
                    for one in made
                ]
            )
            return
        for one in made:
            talk.line(str(one.path))
