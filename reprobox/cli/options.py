"""Arguments that several commands share, and opening the context."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, cast

import typer

from reprobox.cli import opening
from reprobox.cli.messages import Talk
from reprobox.cli.verdict_format import Format
from reprobox.context import Context
from reprobox.errors import ReproboxError


def run_ids(incomplete: str) -> list[str]:
    """Shell completion: run ids, newest first, read from directory names alone."""
    for directory in (Path.cwd(), *Path.cwd().parents):
        runs = directory / ".reprobox" / "runs"
        if not runs.is_dir() and (directory / ".git").is_file():
            from reprobox.source.repo import main_top

            with contextlib.suppress(ReproboxError):
                runs = main_top(directory) / ".reprobox" / "runs"
        if runs.is_dir():
            from reprobox.store.trash import living

            names = sorted(living(entry.name for entry in runs.iterdir()), reverse=True)
            return [name for name in ("latest", *names) if name.startswith(incomplete)][:100]
    return []


CONFIG = Annotated[Path, typer.Argument(help="The config file.")]
RUN = Annotated[
    str,
    typer.Argument(
        help="A run: its id, a unique prefix of it, its name, latest, or latest~1.",
        autocompletion=run_ids,
    ),
]
TRUST = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Let a run from elsewhere have the network, capabilities or writable root that it "
        "asks for.",
    ),
]
TRUST_RUNTIME = Annotated[
    bool,
    typer.Option(
        "--trust-runtime",
        help="Inject the runtime that an imported run brought, though no release of "
        "reprobox had it.",
    ),
]
JSON = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, errors too.")]


RULE = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        help="How some outputs are compared, as in 'metrics.json#$.runtime: ignore'; may be "
        "repeated. Goes before the recorded rules.",
        metavar="PATTERN: RULE",
    ),
]
RULES = Annotated[
    list[str] | None,
    typer.Option(
        "--rules",
        help="A YAML file of rules, or names of presets, as in tensorboard,hydra.",
        metavar="FILE|NAMES",
    ),
]


FORMAT = Annotated[
    Format,
    typer.Option("--format", help="How the verdict is written on stdout.", show_default=True),
]
STRICT = Annotated[
    bool,
    typer.Option(
        "--strict", help="Other names are a difference, and other bytes though all claims hold."
    ),
]


ON = Annotated[
    str,
    typer.Option(
        "--on",
        help="Where it runs: local, or slurm, as jobs of a cluster. Options of sbatch follow `--`.",
        metavar="EXECUTOR",
    ),
]


def talk_of(ctx: typer.Context) -> Talk:
    """The talker that the top-level options made."""
    return cast("Talk", ctx.obj)


def open_context(ctx: typer.Context, config: Path | None = None) -> Context:
    """As `opening.open_context`, for a command of typer."""
    return opening.open_context(talk_of(ctx), config)


OWN = Annotated[
    bool, typer.Option("--project", help="Only this project's store, not the shared one.")
]


OVERRIDES = Annotated[
    list[str] | None,
    typer.Argument(help="Hydra's grammar: a.b=1, +new=1, ~gone.", metavar="[a.b=1 ...]"),
]


RUNS = Annotated[list[str], typer.Argument(help="Runs.", metavar="RUN...", autocompletion=run_ids)]


GPUS = Annotated[
    str | None,
    typer.Option("--gpus", help="As docker's --gpus: all, 2, device=0,1 ...", metavar="DEVICES"),
]


COMMIT = Annotated[
    str | None,
    typer.Option(
        "--commit",
        help="Run this commit, with its own config and lock; work tree and HEAD stay as they are.",
        metavar="REF",
    ),
]


NAME = Annotated[str | None, typer.Option("--name", help="A name for the run.")]
