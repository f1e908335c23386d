"""`reprobox run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reprobox.cli.options import (
    COMMIT,
    CONFIG,
    GPUS,
    JSON,
    NAME,
    ON,
    config_first,
    for_the_scheduler,
    open_context,
    talk_of,
)

if TYPE_CHECKING:
    from reprobox.cli.messages import Talk
    from reprobox.model.record import Record

_AT_THE_END = (
    "reprobox.commands.shared.claim_check",
    "reprobox.views.run",
    "reprobox.views.verdict",
)


class Streams:
    """Live output: the program's stdout on ours and its stderr on ours; all on stderr where stdout
    is for JSON.
    """

    def __init__(self, *, quiet_stdout: bool) -> None:
        self._out = sys.stderr.buffer if quiet_stdout else sys.stdout.buffer

    def write(self, stream: str, data: bytes) -> None:
        """Passes bytes on as they are."""
        target = self._out if stream == "stdout" else sys.stderr.buffer
        target.write(data)
        target.flush()


def run(
    ctx: typer.Context,
    config: CONFIG = Path("config.yaml"),
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Hydra's grammar: a.b=1, +new=1, ~gone.", metavar="[a.b=1 ...]"),
    ] = None,
    gpus: GPUS = None,
    name: NAME = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")] = None,
    snapshot: Annotated[
        bool,
        typer.Option(
            "--snapshot", help="Take a tree that is not clean as it is, as a hidden commit."
        ),
    ] = False,
    commit: COMMIT = None,
    preflight: Annotated[
        int | None,
        typer.Option(
            "--preflight",
            help="First run so many steps twice, and stop if they differ.",
            min=1,
            metavar="N",
        ),
    ] = None,
    notebook: Annotated[
        Path | None,
        typer.Option(
            "--notebook",
            help="Execute this notebook instead of the config's command; the executed one is kept "
            "as executed/NAME.ipynb. The environment needs nbconvert and ipykernel.",
            metavar="FILE",
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Print the id and leave the run alone.")
    ] = False,
    on: ON = "local",
    as_json: JSON = False,
) -> None:
    """Run the commit in the image, and record it.

    Everything that may decide a bit is pinned first: code, config, inputs, image, environment,
    devices.

    The program's exit code is passed on. 124: it was ended at its time limit. 125: reprobox or the
        engine failed. 130: it was interrupted, and answered that with 0.

    Example:  reprobox run config.yaml learning_rate=0.01 --gpus device=0
    """
    from reprobox.commands import run as flow
    from reprobox.commands.shared.code_choice import Choice
    from reprobox.executor.attach import Watcher
    from reprobox.model.record import Intent

    talk = talk_of(ctx)
    words, options = for_the_scheduler([str(config), *(overrides or [])])
    config, overrides = config_first(Path(words[0] if words else "config.yaml"), words[1:])
    if notebook is not None:
        overrides = [flow.notebook_override(notebook, config), *overrides]
    context = open_context(ctx, None if commit else config)
    context.soon += _AT_THE_END
    watcher = None if detach else Watcher(Streams(quiet_stdout=as_json), talk.note)
    record = flow.run(
        context,
        config,
        overrides,
        watcher,
        gpus=gpus,
        name=name,
        tags=tag or (),
        choice=Choice(snapshot=snapshot, commit=commit),
        preflight=preflight,
        on=on,
        options=options,
    )
    if isinstance(record, Intent):
        talk.data(
            {"id": record.id, "path": str(context.runs.path(record.id))}
        ) if as_json else talk.line(record.id)
        return
    if as_json:
        talk.data({"id": record.id, "path": str(context.runs.path(record.id)), "record": record})
    from reprobox.commands.shared import claim_check
    from reprobox.views import run as view
    from reprobox.views import verdict

    for claim in verdict.claims(claim_check.of_run(context, record)):
        talk.note(claim.text)
    if snapshot:
        _advise(talk, record)
    path = context.runs.path(record.id) / "outputs"
    for line in view.ended(record, str(_from_here(path))):
        talk.note(line)
    raise typer.Exit(record.exit.status)


def _advise(talk: Talk, record: Record) -> None:
    """`--snapshot` is for runs that are made again and again, so the time of imports counts."""
    from reprobox.commands.shared import bytecode_hint

    if text := bytecode_hint.advice(record.intent):
        talk.note(text)


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
