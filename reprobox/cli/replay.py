"""`reprobox replay`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reprobox.cli import tables, verdict_output
from reprobox.cli.options import (
    FORMAT,
    GPUS,
    JSON,
    NAME,
    ON,
    RULE,
    RULES,
    RUN,
    STRICT,
    TRUST,
    TRUST_RUNTIME,
    Format,
    for_the_scheduler,
    open_context,
    talk_of,
)
from reprobox.cli.run import Streams
from reprobox.errors import UsageError

if TYPE_CHECKING:
    from reprobox.model.spec import OutputRule


def replay(
    ctx: typer.Context,
    run: RUN = "latest",
    options: Annotated[
        list[str] | None,
        typer.Argument(help="Options of sbatch, after --.", metavar="[-- OPTION ...]"),
    ] = None,
    gpus: GPUS = None,
    name: NAME = None,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Give my secrets to a run from elsewhere too.")
    ] = False,
    trust: TRUST = False,
    trust_runtime: TRUST_RUNTIME = False,
    as_recorded: Annotated[
        bool,
        typer.Option(
            "--as-recorded",
            help="Use the CPU code that the record observed, on another CPU that supports it.",
        ),
    ] = False,
    rule: RULE = None,
    rules: RULES = None,
    strict: STRICT = False,
    form: FORMAT = Format.TEXT,
    on: ON = "local",
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget-steps",
            help="Only so many first steps, checked against the run's trail; nothing is kept.",
            metavar="N",
            min=1,
        ),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Run a past run again and compare every bit.

    Starts from the record alone: today's config, branch and lock are not consulted. Says first what
        to expect on this machine.

    Exit code 0: the same. 1: different. 60: nothing could be compared, or not all. Others: see the
        error.

    Example:  reprobox replay latest
    """
    from reprobox.commands import replay as flow
    from reprobox.executor.attach import Watcher

    talk = talk_of(ctx)
    words, more = for_the_scheduler([run, *(options or [])])
    if len(words) > 1:
        raise UsageError(
            f"replay takes one run, and {words[1]!r} is another word",
            next_step="reprobox replay --help",
        )
    run = words[0] if words else "latest"
    if budget is not None:
        from reprobox.commands import replay_steps
        from reprobox.views import replay_steps as steps_view

        found = replay_steps.replay_steps(
            open_context(ctx),
            run,
            steps=budget,
            gpus=gpus,
            secrets=secrets,
            trust=trust,
            trust_runtime=trust_runtime,
        )
        tables.data_or_sections(talk, as_json, found, steps_view)
        raise typer.Exit(found.result.code)
    given: tuple[OutputRule, ...] = ()
    if rule or rules:
        from reprobox.config import rule_text

        given = rule_text.given(rule or (), rules or ())
    context = open_context(ctx)
    context.soon.append("reprobox.views.verdict")
    watcher = Watcher(Streams(quiet_stdout=as_json or form is not Format.TEXT), talk.note)
    done = flow.replay(
        context,
        run,
        watcher,
        gpus=gpus,
        name=name,
        secrets=secrets,
        trust=trust,
        trust_runtime=trust_runtime,
        as_recorded=as_recorded,
        rules=given,
        on=on,
        options=more,
    )
    from reprobox.views import verdict as view

    verdict_output.write(
        talk, done.verdict, Format.JSON if as_json else form, image_tier=done.image_tier
    )
    raise typer.Exit(view.exit_code(done.verdict, strict=strict))
