"""`reprobox diff`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from reprobox.cli import tables, verdict_output
from reprobox.cli.options import (
    FORMAT,
    JSON,
    RULE,
    RULES,
    RUN,
    STRICT,
    open_context,
    talk_of,
)
from reprobox.cli.verdict_format import Format


def diff(
    ctx: typer.Context,
    left: RUN,
    right: RUN,
    others: Annotated[
        list[str] | None,
        typer.Argument(help="More runs, for one table of all.", metavar="[RUN ...]"),
    ] = None,
    as_table: Annotated[
        bool, typer.Option("--table", help="One table of what differs, for two runs too.")
    ] = False,
    rule: RULE = None,
    rules: RULES = None,
    strict: STRICT = False,
    form: FORMAT = Format.TEXT,
    as_json: JSON = False,
) -> None:
    """Compare two runs, or several in one table.

    With more than two runs, or --table: what of config, code, packages, metrics and outputs
    differs, and the verdict of each run against the first.

    Exit code 0: every output is the same; 1: different; 60: inconclusive.

    Example:  reprobox diff latest~1 latest
    """
    from reprobox.commands import diff as command
    from reprobox.config import rule_text
    from reprobox.views import verdict as view

    talk = talk_of(ctx)
    chosen = rule_text.given(rule or (), rules or ())
    if others or as_table:
        from reprobox.views import ci, side_by_side

        table = command.table(open_context(ctx), (left, right, *(others or ())), chosen)
        if form not in (Format.TEXT, Format.JSON):
            sys.stdout.write(ci.FORMATS[form.value](table.verdicts))
        elif as_json or form is Format.JSON:
            data = [view.as_json(verdict) for verdict in table.verdicts]
            talk.data({"runs": table.runs, "rows": table.rows, "verdicts": data})
        else:
            tables.draw(talk, side_by_side.sections(table))
        codes = {view.exit_code(verdict, strict=strict) for verdict in table.verdicts}
        raise typer.Exit(1 if 1 in codes else max(codes, default=0))
    found = command.diff(open_context(ctx), left, right, chosen)
    verdict_output.write(talk, found, Format.JSON if as_json else form)
    raise typer.Exit(view.exit_code(found, strict=strict))
