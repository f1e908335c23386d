"""`reprobox check`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reprobox.cli import verdicts
from reprobox.cli.options import CONFIG, JSON, config_first, open_context, talk_of
from reprobox.judge.fold import NOTHING
from reprobox.kit.units import counted
from reprobox.model import codec

if TYPE_CHECKING:
    from reprobox.commands.check import Checked
    from reprobox.judge.trail import Operation
from reprobox.cli.options import OVERRIDES


def check(
    ctx: typer.Context,
    config: CONFIG = Path("config.yaml"),
    overrides: OVERRIDES = None,
    steps: Annotated[int, typer.Option("--steps", help="Optimizer steps to compare.", min=1)] = 3,
    limit: Annotated[
        float, typer.Option("--limit", help="Seconds that each of the two runs may take.", min=1)
    ] = 600,
    gpus: Annotated[
        str | None, typer.Option("--gpus", help="As docker's --gpus.", metavar="DEVICES")
    ] = None,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Take a tree that is not clean as it is.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the two runs in the store, tagged preflight.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Run the first steps twice and compare, before the long job.

    The two start at different moments, under different load and with different temporary
    directories. A program that takes no optimizer step of torch is run whole. Nothing is left
    behind.

    Makes 2 runs, and 2 more to find the operation where they differ; beside each other where CPUs
    and memory are enough for both. A few steps take as long as the program needs to begin (import
    torch, load its data), and that twice.

    Exit code 0: the same. 1: different. 60: nothing could be compared, or not all.

    Example:  reprobox check config.yaml --steps 5
    """
    from reprobox.commands import run as flow

    talk = talk_of(ctx)
    config, overrides = config_first(config, overrides or [])
    context = open_context(ctx, config)
    found = flow.check(
        context,
        config,
        overrides,
        steps=steps,
        limit=limit,
        keep=keep,
        gpus=gpus,
        snapshot=snapshot,
    )
    if as_json:
        talk.data(as_data(found))
    else:
        for line in lines(found):
            talk.line(line)
    raise typer.Exit(verdicts.exit_code(found.verdict))


def as_data(found: Checked) -> dict[str, Any]:
    """A preflight with stable keys."""
    return {**codec.to_json(found), "same": found.same, "verdict": verdicts.as_json(found.verdict)}


def lines(found: Checked) -> Iterator[str]:
    """A preflight for people: what differs first, why perhaps, and one sentence."""
    for file in found.verdict.files:
        if file.state not in ("identical", "ignored", "equal-under-rule"):
            yield f"{file.path}: {file.state}"
    if not found.same:
        yield from verdicts.story(found.verdict)
        yield from _operation(found.operation)
    if found.verdict.stdout_equal is False and (
        found.same or not any(file.state == "different" for file in found.verdict.files)
    ):
        yield "stdout differs" + (
            ", and does not count beside what was compared" if found.same else ""
        )
    if found.verdict.ended:
        yield f"how the program ended: {found.verdict.ended}"
    yield sentence(found)


def sentence(found: Checked) -> str:
    """The result of a preflight in one line."""
    if found.result == "not-checked":
        return "preflight: not checked; " + _what_then(found)
    if found.whole or not found.steps:
        return f"preflight: the whole program {'is the same' if found.same else 'differs'} in two containers"
    one = found.steps == 1
    first = "the first step" if one else f"the first {counted(found.steps, 'step')}"
    outcome = (
        ("is the same" if one else "are the same")
        if found.same
        else ("differs" if one else "differ")
    )
    return f"preflight: {first} {outcome} in two containers"


def _what_then(found: Checked) -> str:
    if not found.whole:
        return "give it more time (--limit), or fewer steps"
    if NOTHING in found.verdict.notes:
        return "the program leaves no outputs, writes nothing to stdout, and takes no optimizer step of torch"
    unread = [file.path for file in found.verdict.files if file.state == "not-checked"]
    return "not all of what it leaves could be looked into" + (
        f": {', '.join(unread[:5])}" if unread else ""
    )


def _operation(operation: Operation | None) -> Iterator[str]:
    if operation:
        yield f"first operation: {operation.sentence()}"
