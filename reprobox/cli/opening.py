"""What commands do with their words before they start: the config among them, the options of a
scheduler, and the context.
"""

from __future__ import annotations

import sys
from pathlib import Path

from reprobox.cli.messages import Talk
from reprobox.context import Context


def config_first(config: Path, overrides: list[str]) -> tuple[Path, list[str]]:
    """`reprobox run lr=0.1` means config.yaml: a word that looks like an override, and names no
    file, is not a config.
    """
    word = str(config)
    if not config.exists() and ("=" in word or word.startswith("~")):
        return Path("config.yaml"), [word, *overrides]
    return config, overrides


def for_the_scheduler(words: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and the options after `--`, which click has taken away: ours do not begin with
    a dash.
    """
    first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    return words[:first], words[first:]


def open_context(talk: Talk, config: Path | None = None) -> Context:
    """The context around a config's directory, or around the current one. A sparse checkout may
    omit the config with its directory, so the nearest one above that is there will do.
    """
    above = config.absolute().parents if config else (Path.cwd(),)
    start = next((path for path in above if path.is_dir()), Path("/"))
    return Context(start=start, progress=talk, argv=("reprobox", *sys.argv[1:]))
