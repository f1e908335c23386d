"""`reprobox diff`."""

from __future__ import annotations

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, RULE, RULES, RUN, STRICT, open_context, talk_of


def diff(
    ctx: typer.Context,
    left: RUN,
    right: RUN,
    rule: RULE = None,
    rules: RULES = None,
    strict: STRICT = False,
    as_json: JSON = False,
) -> None:
    """Compare two runs.

    Exit code 0: every output is the same; 1: different; 60: it could not be told.

    Example:  reprobox diff latest~1 latest
    """
    from reprobox.commands import diff as command
    from reprobox.config import rule_text
    from reprobox.views import verdict as view

    talk = talk_of(ctx)
    found = command.diff(open_context(ctx), left, right, rule_text.given(rule or (), rules or ()))
    if as_json:
        talk.data(view.as_json(found))
    else:
        tables.draw(talk, view.sections(found))
    raise typer.Exit(view.exit_code(found, strict=strict))
