"""`reprobox replay`."""

from __future__ import annotations

from typing import Annotated

import typer

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
    talk_of,
)
from reprobox.cli.verdict_format import Format


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
    from reprobox.cli.plain import replay as plain

    code = plain.replay(
        talk_of(ctx),
        run,
        options or (),
        gpus=gpus,
        name=name,
        secrets=secrets,
        trust=trust,
        trust_runtime=trust_runtime,
        as_recorded=as_recorded,
        rule=rule or (),
        rules=rules or (),
        strict=strict,
        form=form,
        on=on,
        budget=budget,
        as_json=as_json,
    )
    raise typer.Exit(code)
