"""`reprobox check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reprobox.cli import tables
from reprobox.cli.messages import Talk
from reprobox.cli.opening import config_first
from reprobox.cli.options import (
    COMMIT,
    CONFIG,
    JSON,
    OVERRIDES,
    open_context,
    talk_of,
)
from reprobox.kit.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from reprobox.commands.shared.code_choice import Choice
    from reprobox.context import Context


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
    commit: COMMIT = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the two runs in the store, tagged preflight.")
    ] = False,
    resume: Annotated[
        int | None,
        typer.Option(
            "--resume",
            help="Preempt the run after step K, continue it, and compare with one that was not "
            "preempted.",
            metavar="K",
            min=1,
        ),
    ] = None,
    grace: Annotated[
        float,
        typer.Option("--grace", help="With --resume: seconds between TERM and KILL.", min=0),
    ] = 30,
    hardware: Annotated[
        bool,
        typer.Option(
            "--hardware", help="Run the first steps on each CPU in turn, or on each GPU named."
        ),
    ] = False,
    devices: Annotated[
        str | None,
        typer.Option(
            "--devices",
            help="With --hardware: numbers of CPUs, as 0,2-5; or of GPUs, as gpu:0,1.",
            metavar="LIST",
        ),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Run the first steps twice and compare, before the long job.

    The two start at different moments, under different load and with different temporary
    directories. A program that takes no optimizer step of torch is run whole. Nothing is left
    behind.

    Makes 2 runs, and 2 more to find the operation where they differ; at the same time where CPUs
    and memory are enough for both. A few steps take as long as the program needs to begin (import
    torch, load its data), and that twice.

    With --resume K it makes 3 runs instead: to the end; preempted after step K by TERM; and
    continued by the setting `resume`, in the work directory with the program's own checkpoint. The
    state that was not restored is named: parameters, optimizer state, scheduler, scaler,
    generator, loader position.

    With --hardware it makes one run on each device instead, and names the one that gives other bits
    than its equals.

    Exit code 0: the same. 1: different. 60: nothing could be compared, or not all.

    Example:  reprobox check config.yaml --steps 5
    """
    from reprobox.commands.shared.code_choice import Choice

    talk = talk_of(ctx)
    config, overrides = config_first(config, overrides or [])
    asked = _Asked(
        context=open_context(ctx, None if commit else config),
        config=config,
        overrides=tuple(overrides),
        limit=limit,
        keep=keep,
        gpus=gpus,
        choice=Choice(snapshot=snapshot, commit=commit),
    )
    if hardware:
        raise typer.Exit(_hardware(talk, asked, steps, devices, as_json))
    if resume is not None:
        raise typer.Exit(_resume(talk, asked, resume, grace, as_json))
    raise typer.Exit(_preflight(talk, asked, steps, as_json))


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What all kinds of checks have in common."""

    context: Context
    config: Path
    overrides: tuple[str, ...]
    limit: float
    keep: bool
    gpus: str | None
    choice: Choice


def _preflight(talk: Talk, asked: _Asked, steps: int, as_json: bool) -> int:
    from reprobox.commands import check as command
    from reprobox.views import check as view

    found = command.check_config(
        asked.context,
        asked.config,
        asked.overrides,
        steps=steps,
        limit=asked.limit,
        keep=asked.keep,
        gpus=asked.gpus,
        choice=asked.choice,
    )
    tables.data_or_sections(talk, as_json, found, view)
    return found.verdict.result.code


def _resume(talk: Talk, asked: _Asked, step: int, grace: float, as_json: bool) -> int:
    from reprobox.commands import check_resume as command
    from reprobox.views import check_resume as view

    found = command.check_resume(
        asked.context,
        asked.config,
        asked.overrides,
        step=step,
        grace=grace,
        limit=asked.limit,
        keep=asked.keep,
        gpus=asked.gpus,
        choice=asked.choice,
    )
    tables.data_or_sections(talk, as_json, found, view)
    return found.result.code


def _hardware(talk: Talk, asked: _Asked, steps: int, devices: str | None, as_json: bool) -> int:
    from reprobox.commands import check_hardware as command
    from reprobox.views import check_hardware as view

    gpus, cpus = _devices(devices or "")
    found = command.check_hardware(
        asked.context,
        asked.config,
        asked.overrides,
        steps=steps,
        limit=asked.limit,
        gpus=gpus,
        cpus=cpus,
        choice=asked.choice,
    )
    tables.data_or_sections(talk, as_json, found, view)
    return found.result.code


def _devices(text: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """GPUs and CPUs of a list such as `0,2-5` or `gpu:0,1`; GPUs may be UUIDs."""
    from reprobox.errors import UsageError

    if text.startswith("gpu:"):
        return tuple(filter(None, text.removeprefix("gpu:").split(","))), ()
    found: list[int] = []
    try:
        for part in filter(None, text.split(",")):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError as fault:
        raise UsageError(
            f"{text!r} is not a list of devices", next_step="write --devices 0,2-5, or gpu:0,1"
        ) from fault
    return (), tuple(dict.fromkeys(found))
