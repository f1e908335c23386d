"""Arguments that several commands share, and opening the box."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from reprobox.cli.talk import Talk
from reprobox.errors import ReproboxError
from reprobox.flow.box import Box


def run_ids(incomplete: str) -> list[str]:
    """Shell completion: run ids, newest first, read from directory names alone."""
    for directory in (Path.cwd(), *Path.cwd().parents):
        runs = directory / ".reprobox" / "runs"
        if not runs.is_dir() and (directory / ".git").is_file():
            from reprobox.source.repo import main_top

            with contextlib.suppress(ReproboxError):
                runs = main_top(directory) / ".reprobox" / "runs"
        if runs.is_dir():
            names = sorted((entry.name for entry in runs.iterdir()), reverse=True)
            return [name for name in ("latest", *names) if name.startswith(incomplete)][:100]
    return []


CONFIG = Annotated[Path, typer.Argument(help="The config file.")]
RUN = Annotated[
    str, typer.Argument(help="A run: its id, a unique prefix of it, its name, latest, or latest~1.", autocompletion=run_ids)
]
TRUST = Annotated[
    bool, typer.Option("--trust", help="Let a run from elsewhere have the network, capabilities or writable root that it asks for.")
]
JSON = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, errors too.")]


def config_first(config: Path, overrides: list[str]) -> tuple[Path, list[str]]:
    """`reprobox run lr=0.1` means config.yaml: what reads as an override and is no file was never meant to be a config."""
    word = str(config)
    if not config.exists() and ("=" in word or word.startswith("~")):
        return Path("config.yaml"), [word, *overrides]
    return config, overrides


def talk_of(context: typer.Context) -> Talk:
    """The talker that the top-level options made."""
    return cast("Talk", context.obj)


def open_box(context: typer.Context, config: Path | None = None) -> Box:
    """The box around a config's directory, or around the current one."""
    start = config.absolute().parent if config else Path.cwd()
    return Box(start=start, progress=talk_of(context), argv=("reprobox", *sys.argv[1:]))
