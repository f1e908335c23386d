"""`reprobox verify-all`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.options import FORMAT, JSON, RULE, RULES, STRICT, open_context, talk_of
from reprobox.cli.streams import Streams
from reprobox.cli.verdict_format import Format


def verify_all(
    ctx: typer.Context,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only runs from then on: 2026-11-21, 7d.", metavar="DATE"),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only runs of this name.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only runs with this tag.")] = None,
    first: Annotated[
        bool, typer.Option("--exit-first", help="Stop at the first that is not the same.")
    ] = False,
    rule: RULE = None,
    rules: RULES = None,
    strict: STRICT = False,
    form: FORMAT = Format.TEXT,
    as_json: JSON = False,
) -> None:
    """Replay recorded runs and judge each, for continuous integration.

    Replays each run that matches, the oldest first; runs that are replays themselves are left out.

    Exit code 0: all are the same. 1: one is different. 65: a claim fails. 60: one is inconclusive,
    or none matches. The largest of these counts, where several apply; 1 before all.

    Example:  reprobox verify-all --since 7d --format junit > replays.xml
    """
    from reprobox.commands import ls
    from reprobox.commands import verify_all as command
    from reprobox.config import rule_text
    from reprobox.errors import NotComparable
    from reprobox.executor.attach import Watcher
    from reprobox.views import ci, replays
    from reprobox.views import verdict as view

    talk, form = talk_of(ctx), Format.JSON if as_json else form
    given = rule_text.given(rule or (), rules or ())
    context = open_context(ctx)
    watcher = Watcher(Streams(quiet_stdout=True), talk.note)
    wanted = ls.Wanted(name=name, tag=tag, since=since)
    found = list(command.verify_all(context, wanted, watcher, rules=given, stop=first))
    verdicts = [one.verdict for one in found if one.verdict]
    if form is Format.JSON:
        talk.data([replays.as_json(one) for one in found])
    elif form is Format.TEXT:
        tables.draw(talk, replays.sections(found))
    else:
        sys.stdout.write(ci.FORMATS[form.value](verdicts))
    for one in found:
        if one.fault:
            talk.note(f"{one.run}: not replayed: {one.fault.what}")
    codes = {view.exit_code(verdict, strict=strict) for verdict in verdicts}
    codes |= {NotComparable.code for one in found if one.fault} or set()
    codes |= set() if found else {NotComparable.code}
    raise typer.Exit(1 if 1 in codes else max(codes, default=0))
