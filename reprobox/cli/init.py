"""`reprobox init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.options import open_context, talk_of


def init(
    ctx: typer.Context,
    config: Annotated[
        Path, typer.Argument(help="The config: a new file, or the one that the script has.")
    ] = Path("config.yaml"),
    gitignore: Annotated[
        bool,
        typer.Option("--gitignore", help="Add bundles and __pycache__ to .gitignore, too."),
    ] = False,
) -> None:
    """Write a commented config, or add the `reprobox:` section to the script's own.

    Example:  reprobox init config.yaml --gitignore
    """
    from reprobox.commands import init as command

    talk = talk_of(ctx)
    done = command.init(open_context(ctx, config), config, gitignore=gitignore)
    what = "added the reprobox: section to" if done.added else "wrote"
    next_step = f"reprobox lock {config}"
    if done.packages:
        imported = ", ".join(done.packages)
        next_step = f"write requirements.txt (the script imports {imported}), then {next_step}"
    talk.note(f"{what} {config}; next: {next_step}")
    if done.options:
        talk.note(f"the script's options are values of the config: {', '.join(done.options)}")
    if done.ignored:
        lines = " and ".join(done.ignored)
        talk.note(
            f"added {lines} to .gitignore"
            if gitignore
            else f"lines that .gitignore could have: {lines} (a run needs a clean work tree)"
        )
