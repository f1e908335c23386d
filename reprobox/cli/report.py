"""`reprobox report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import JSON, open_context, run_ids, talk_of


def report(
    ctx: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Runs, or one sweep; by default the newest 50 runs.",
            metavar="[RUN...|SWEEP]",
            autocompletion=run_ids,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; it is replaced.")
    ] = Path("report.html"),
    as_json: JSON = False,
) -> None:
    """Write runs as pages in one HTML file, which opens without a server and without a network.

    Example:  reprobox report latest latest~1 -o page.html
    """
    from reprobox.errors import UsageError
    from reprobox.kit.units import counted, human

    try:
        from reprobox.web import report as made
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"the page needs {missing.name}, which is not installed",
            next_step="pip install 'reprobox[ui]'",
        ) from missing
    talk = talk_of(ctx)
    found = made.write(open_context(ctx), runs or [], output)
    size = output.stat().st_size
    if as_json:
        talk.data({"path": str(output), "runs": list(found), "size": size})
    else:
        talk.line(f"{output}  {counted(len(found), 'run')}, {human(size)}")
