"""`reprobox mlflow-sync`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprobox.cli.options import JSON, open_context, talk_of
from reprobox.kit.units import counted


def mlflow_sync(
    ctx: typer.Context,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", help="The server's address.", envvar="MLFLOW_TRACKING_URI", metavar="URL"
        ),
    ] = None,
    experiment: Annotated[
        str, typer.Option("--experiment", help="The experiment there; made if it is not there.")
    ] = "reprobox",
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Only these runs, as in `ls`.", metavar="CONDITION"),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only runs from then on, as in `ls`.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Send recorded runs, their metrics and verdicts to an MLflow server.

    Each run is sent once; a second call sends what is new, verdicts of known runs too.

    Example:  reprobox mlflow-sync --to http://127.0.0.1:5000 --experiment digits
    """
    from reprobox.commands import ls
    from reprobox.commands import mlflow_sync as command

    talk = talk_of(ctx)
    wanted = ls.Wanted(where=tuple(where or ()), since=since)
    found = command.sync(open_context(ctx), to or "", experiment, wanted)
    if as_json:
        talk.data(found)
        return
    for run in found.added:
        talk.line(run)
    talk.note(
        f"{counted(len(found.added), 'run')} sent to the experiment {found.experiment}, "
        f"{len(found.updated)} updated"
    )
