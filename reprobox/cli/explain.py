"""`reprobox explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.options import JSON, RUN, TRUST, TRUST_RUNTIME, open_context, talk_of


def explain(
    ctx: typer.Context,
    left: RUN,
    right: RUN,
    operations: Annotated[
        bool,
        typer.Option("--operations", help="Also trace the operations of the first differing step."),
    ] = False,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Give my secrets to runs from elsewhere too.")
    ] = False,
    trust: TRUST = False,
    trust_runtime: TRUST_RUNTIME = False,
    as_json: JSON = False,
) -> None:
    """Find where two runs diverge: step, tensor, operation.

    Where their trails are too coarse to show it, or absent, both are run again that far, with a
    fingerprint at each step. What was run for this is gone afterwards.

    Makes no run where the trails show the step. Otherwise it makes 2: up to the end of the trails'
    window, or whole runs where no trail exists. --operations makes 2 more, up to the first
    differing step. Two run at the same time where CPUs and memory are enough.

    Exit code 0: they do not differ. 1: they do. 60: inconclusive.

    Example:  reprobox explain latest~1 latest --operations
    """
    from reprobox.commands import explain as explain_
    from reprobox.views import explain as view

    talk = talk_of(ctx)
    found = explain_.explain(
        open_context(ctx),
        left,
        right,
        operations=operations,
        secrets=secrets,
        trust=trust,
        trust_runtime=trust_runtime,
    )
    tables.data_or_sections(talk, as_json, found, view)
    raise typer.Exit(found.verdict.result.code)
