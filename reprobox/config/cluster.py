"""cluster.yaml of the user: what every job of theirs asks for, and no experiment's business."""

from __future__ import annotations

import os
import re
from pathlib import Path

from reprobox.config import yaml12
from reprobox.config.fields import Section
from reprobox.config.kinds import Scope, Text, Texts
from reprobox.config.place import Place
from reprobox.config.problems import Problems
from reprobox.config.setting import Mapping, Setting, read_all
from reprobox.config.written import plain
from reprobox.errors import ConfigError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

_TIME = regex(r"\d+(-\d+(:\d+){0,2}|(:\d+){0,2})|UNLIMITED|INFINITE", re.IGNORECASE)
"""As sbatch(1) has it: minutes, minutes:seconds, hours:minutes:seconds, days-hours ..."""


@dataclass(frozen=True, kw_only=True)
class SlurmSettings:
    """Of `slurm:`."""

    partition: str = ""
    account: str = ""
    time: str = ""
    options: tuple[str, ...] = ()
    python: str = ""


def _word(text: str) -> str:
    if not text.strip() or any(letter.isspace() for letter in text):
        raise ValueError("write one word")
    return text


def _time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError("write it as sbatch does: 90 (minutes), 4:00:00, or 2-12:00:00")
    return text


def _option(text: str) -> str:
    if not text.startswith("-"):
        raise ValueError("an option of sbatch begins with -, as in --qos=low")
    return text


SLURM = (
    Setting(
        key="partition",
        kind=Text(_word),
        about="The partition that jobs go to.",
        sample="partition: gpu",
        absent="the cluster's default",
    ),
    Setting(
        key="account",
        kind=Text(_word),
        about="The account that jobs are charged to.",
        sample="account: lab",
        absent="the user's default",
    ),
    Setting(
        key="time",
        kind=Text(_time),
        about="The time limit of a job, as sbatch takes it.",
        sample='time: "4:00:00"',
        absent="of the run's `timeout`, where it has one",
    ),
    Setting(
        key="options",
        kind=Texts(_option),
        about="More options of sbatch. Those after `--` on the command line follow them.",
        sample="options: [--qos=low]",
        absent="none",
    ),
    Setting(
        key="python",
        kind=Text(_word),
        about="The Python on the nodes that has reprobox.",
        sample="python: /shared/venv/bin/python",
        absent="the one that submits",
    ),
)
SETTINGS = (
    Setting(
        key="slurm",
        kind=Mapping(SLURM, lambda found: SlurmSettings(**found)),
        about="What every job asks for.",
        sample="slurm: {}",
    ),
)


def path() -> Path:
    """Where the file is: $REPROBOX_CLUSTER, else below $XDG_CONFIG_HOME, else below ~/.config."""
    if named := os.environ.get("REPROBOX_CLUSTER"):
        return Path(named)
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "reprobox" / "cluster.yaml"


def read() -> SlurmSettings:
    """The user's settings; those of an absent file are empty.

    Raises:
        ConfigError: with every fault and its line, or where a named file is not there.
    """
    place = path()
    try:
        text = place.read_bytes()
    except FileNotFoundError as fault:
        if os.environ.get("REPROBOX_CLUSTER"):
            raise ConfigError(
                f"there is no file {place}",
                why="REPROBOX_CLUSTER names it.",
                next_step="write it, or unset REPROBOX_CLUSTER",
            ) from fault
        return SlurmSettings()
    except OSError as fault:
        raise ConfigError(f"{place} cannot be read", why=fault.strerror or "") from fault
    problems = Problems(where=str(place))
    if not text.strip():
        return SlurmSettings()
    document = yaml12.read(text, problems)
    document.value = plain(document.value)
    section = Section(document, (), problems, document.value)
    scope = Scope(place=Place(config_path="cluster.yaml"), document=document.value or {})
    found = read_all(section, SETTINGS, scope)
    problems.throw("correct the settings; docs/how-to/cluster.md lists them")
    settings: SlurmSettings = found.get("slurm") or SlurmSettings()
    return settings
