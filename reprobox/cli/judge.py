"""`reprobox judge`."""

from __future__ import annotations

import typer

from reprobox.cli import verdict_output
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


def judge(
    ctx: typer.Context,
    left: RUN,
    right: RUN,
    rule: RULE = None,
    rules: RULES = None,
    strict: STRICT = False,
    form: FORMAT = Format.TEXT,
    as_json: JSON = False,
) -> None:
    """Judge two recorded runs again, under other rules.

    Nothing is run. The verdict is kept next to the second run, with the rules in it; the recorded
    rules are the default, follow the given ones, and do not change.

    Exit code 0: the same. 1: different. 60: inconclusive.

    Example:  reprobox judge latest~1 latest --rule 'state.json#$.log[*].runtime: ignore'
    """
    from reprobox.commands import judge as command
    from reprobox.config import rule_text
    from reprobox.views import verdict as view

    talk = talk_of(ctx)
    given = rule_text.given(rule or (), rules or ())
    found = command.judge(open_context(ctx), left, right, given)
    verdict_output.write(talk, found, Format.JSON if as_json else form)
    raise typer.Exit(view.exit_code(found, strict=strict))
