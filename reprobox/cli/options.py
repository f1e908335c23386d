"""Arguments that several commands share, and opening the context."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reprobox.cli.messages import Talk

if TYPE_CHECKING:
    from reprobox.context import Context
import contextlib
from typing import TYPE_CHECKING, cast

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


class Format(StrEnum):
    """How a verdict is written; the last three are those of `views.ci.FORMATS`."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    GITHUB = "github"


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


def config_first(config: Path, overrides: list[str]) -> tuple[Path, list[str]]:
    """`reprobox run lr=0.1` means config.yaml: a word that looks like an override, and names no
    file, is not a config.
    """
    word = str(config)
    if not config.exists() and ("=" in word or word.startswith("~")):
        return Path("config.yaml"), [word, *overrides]
    return config, overrides


ON = Annotated[
    str,
    typer.Option(
        "--on",
        help="Where it runs: local, or slurm, as jobs of a cluster. Options of sbatch follow `--`.",
        metavar="EXECUTOR",
    ),
]


def for_the_scheduler(words: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and the options after `--`, which click has taken away: ours do not begin with
    a dash.
    """
    first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    return words[:first], words[first:]


def talk_of(ctx: typer.Context) -> Talk:
    """The talker that the top-level options made."""
    return cast("Talk", ctx.obj)


def open_context(ctx: typer.Context, config: Path | None = None) -> Context:
    """The context around a config's directory, or around the current one. A sparse checkout may
    omit the config with its directory, so the nearest one above that is there will do.
    """
    above = config.absolute().parents if config else (Path.cwd(),)
    start = next((path for path in above if path.is_dir()), Path("/"))
    return Context(start=start, progress=talk_of(ctx), argv=("reprobox", *sys.argv[1:]))


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
