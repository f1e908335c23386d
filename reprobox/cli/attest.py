"""`reprobox attest`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import JSON, RUN, open_context, talk_of
from reprobox.errors import UsageError


class Form(StrEnum):
    """What a statement is written as; the names of `attest.exporters.EXPORTERS`."""

    INTOTO = "intoto"
    VERDICT = "verdict"
    TEST_RESULT = "test-result"
    SVR = "svr"
    MODEL = "model"
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
        Form,
        typer.Option(
            "--format",
            help="intoto: what the run was made from (SLSA). verdict, test-result, svr: what its "
            "replay showed. model: its weights, as OpenSSF Model Signing has them. cyclonedx and "
            "crate (a directory) are written to -o.",
        ),
    ] = Form.INTOTO,
    timestamp: Annotated[
        str,
        typer.Option(
            "--timestamp", help="Let this RFC 3161 server stamp the signature.", metavar="URL"
        ),
    ] = "",
    license_: Annotated[
        str, typer.Option("--license", help="What an RO-Crate says of its licence.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    as_json: JSON = False,
) -> None:
    """Sign a statement of what a run was made from.

    For a replay that was identical, its original is confirmed too. Other statements are signed with
    --format, or written unsigned with -o.

    Example:  reprobox attest latest
    """
    from reprobox.commands import attest as attest_

    talk, context = talk_of(ctx), open_context(ctx)
    if output is not None:
        if timestamp:
            raise UsageError(
                "a statement that is written unsigned has no signature to stamp",
                next_step="leave out -o, or --timestamp",
            )
        attest_.export_format(context, run, form.value, output, license_=license_, force=force)
        talk.note(f"wrote {output}")
    else:
        made = attest_.attest(context, run, key, form=form.value, timestamp=timestamp)
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
