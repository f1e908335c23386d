"""run, replay, stop: what executes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli import render, verdicts
from reprobox.cli.common import CONFIG, JSON, RUN, TRUST, config_first, open_box, talk_of

GPUS = Annotated[str | None, typer.Option("--gpus", help="As docker's --gpus: all, 2, device=0,1 ...", metavar="DEVICES")]
NAME = Annotated[str | None, typer.Option("--name", help="A name for the run.")]


class Streams:
    """Live output: the program's stdout on ours and its stderr on ours; all on stderr where stdout is for JSON."""

    def __init__(self, *, quiet_stdout: bool) -> None:
        self._out = sys.stderr.buffer if quiet_stdout else sys.stdout.buffer

    def write(self, stream: str, data: bytes) -> None:
        """Passes bytes on as they are."""
        target = self._out if stream == "stdout" else sys.stderr.buffer
        target.write(data)
        target.flush()


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(context_settings={"allow_extra_args": False})(run)
    app.command()(replay)


def run(
    context: typer.Context,
    config: CONFIG = Path("config.yaml"),
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Hydra's grammar: a.b=1, +new=1, ~gone.", metavar="[a.b=1 ...]")
    ] = None,
    gpus: GPUS = None,
    name: NAME = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")] = None,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Take a tree that is not clean as it is, as a hidden commit.")
    ] = False,
    preflight: Annotated[
        int | None, typer.Option("--preflight", help="First run so many steps twice, and stop if they differ.", min=1, metavar="N")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print the id and leave the run alone.")] = False,
    as_json: JSON = False,
) -> None:
    """Run the commit in the image, and record it.

    Everything that may decide a bit is pinned first: code, config, inputs, image, environment, devices.

    The program's exit code is passed on; 125 means that reprobox or the engine failed.

    Example:  reprobox run config.yaml learning_rate=0.01 --gpus device=0
    """
    from reprobox.flow import run as flow
    from reprobox.flow.watch import Watcher
    from reprobox.model.record import Intent

    talk = talk_of(context)
    config, overrides = config_first(config, overrides or [])
    box = open_box(context, config)
    watcher = None if detach else Watcher(Streams(quiet_stdout=as_json), talk.note)
    record = flow.run(box, config, overrides, watcher, gpus=gpus, name=name, tags=tag or (), snapshot=snapshot, preflight=preflight)
    if isinstance(record, Intent):
        talk.data({"id": record.id, "path": str(box.runs.path(record.id))}) if as_json else talk.line(record.id)
        return
    if as_json:
        talk.data(render.run_summary(box, record))
    render.after_run(talk, box, record)
    raise typer.Exit(record.exit.code)


def replay(
    context: typer.Context,
    run: RUN = "latest",
    gpus: GPUS = None,
    name: NAME = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="Give my secrets to a run from elsewhere too.")] = False,
    trust: TRUST = False,
    as_recorded: Annotated[
        bool, typer.Option("--as-recorded", help="Take the CPU code that the record met, on another CPU that has it too.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Run a past run again and compare every bit.

    Starts from the record alone: today's config, branch and lock are not consulted. Says first what to expect on this machine.

    Exit code 0: the same. 1: different. 60: nothing could be compared, or not all. Others: see the error.

    Example:  reprobox replay latest
    """
    from reprobox.flow import replay as flow
    from reprobox.flow.watch import Watcher

    talk = talk_of(context)
    box = open_box(context)
    watcher = Watcher(Streams(quiet_stdout=as_json), talk.note)
    done = flow.replay(box, run, watcher, gpus=gpus, name=name, secrets=secrets, trust=trust, as_recorded=as_recorded)
    if as_json:
        talk.data({**verdicts.as_json(done.verdict), "image_tier": done.image_tier})
    else:
        verdicts.show(talk, done.verdict)
    raise typer.Exit(verdicts.exit_code(done.verdict))
