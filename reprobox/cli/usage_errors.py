"""A command line that makes no sense: what is wrong with it, and a command that works instead."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Sequence

import click

from reprobox.cli.command_table import COMMANDS
from reprobox.cli.plain.words import COMMON
from reprobox.errors import UsageError

SYNONYMS = {
    "abort": "stop",
    "add": "init",
    "archive": "export",
    "artifacts": "get",
    "cancel": "stop",
    "cat": "logs",
    "clean": "gc",
    "clone": "import",
    "compare": "diff",
    "compile": "build",
    "copy": "get",
    "cp": "get",
    "create": "init",
    "delete": "rm",
    "describe": "show",
    "download": "pull",
    "env": "doctor",
    "exec": "shell",
    "fetch": "pull",
    "freeze": "lock",
    "grid": "sweep",
    "history": "ls",
    "images": "image",
    "info": "show",
    "inspect": "show",
    "install": "build",
    "kill": "stop",
    "list": "ls",
    "load": "import",
    "log": "logs",
    "multirun": "sweep",
    "new": "init",
    "prune": "gc",
    "ps": "ls",
    "redo": "replay",
    "remove": "rm",
    "rename": "name",
    "repeat": "replay",
    "repro": "replay",
    "reproduce": "replay",
    "rerun": "replay",
    "restore": "get",
    "runs": "ls",
    "save": "export",
    "search": "ls",
    "send": "push",
    "sh": "shell",
    "sign": "attest",
    "start": "run",
    "status": "ls",
    "table": "ls",
    "tail": "logs",
    "train": "run",
    "up": "run",
    "update": "lock",
    "upload": "push",
    "upgrade": "lock",
    "validate": "verify",
    "version": "--version",
    "web": "ui",
    "dashboard": "ui",
    "why": "explain",
}
"""Words of other tools, and what the command is called here; only those that exist are shown."""
_ELSEWHERE = {"shell": "image", "sweep": "run", "ui": "ls"}
"""The nearest command, in a version that does not have the one named."""
_WITH_OVERRIDES = ("run", "lock", "build", "check")
"""Commands to which `key=value` can be given."""


def usage_error(error: click.ClickException, arguments: Sequence[str]) -> UsageError:
    """Click's error in the product's own form.

    Args:
        arguments: what was typed after `reprobox`.
    """
    what = error.format_message().strip().rstrip(".")
    command = _command(error)
    if isinstance(error, click.NoSuchOption):
        return _no_option(error, command, list(arguments))
    if what.startswith("No such command"):
        return _no_command(what, command)
    next_step = f"reprobox {command} --help" if command else "reprobox --help"
    return UsageError(what[:1].lower() + what[1:], next_step=next_step)


def _command(error: click.ClickException) -> str:
    """The command that was being read, such as `image diff`; "" for none."""
    context = getattr(error, "ctx", None)
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, context.info_name or "")
        context = context.parent
    return " ".join(names)


def _no_command(what: str, group: str) -> UsageError:
    match = re.match(r"No such command '(.*?)'(?:\. Did you mean|$)", what, re.DOTALL)
    word = match[1] if match else ""
    if group:
        return UsageError(
            f"unknown command 'reprobox {group} {word}'", next_step=f"reprobox {group} --help"
        )
    known = {row.name for row in COMMANDS}
    meant = SYNONYMS.get(word.lower(), word.lower())
    meant = meant if meant in known or meant.startswith("--") else _ELSEWHERE.get(meant, "")
    found = meant or _nearest(word, known)
    return UsageError(
        f"unknown command {word!r}",
        next_step=f"reprobox {found}{' --help' if found in known else ''}"
        if found
        else "reprobox --help",
    )


def _no_option(error: click.NoSuchOption, command: str, arguments: list[str]) -> UsageError:
    name = error.option_name
    what = f"reprobox {command} has no option {name}" if command else f"unknown option {name}"
    page = f"reprobox {command} --help" if command else "reprobox --help"
    known = _options(error.ctx)
    if near := _nearest(name, known):
        return UsageError(what, why=f"did you mean {near}?", next_step=page)
    changed = _as_overrides(arguments, known) if command in _WITH_OVERRIDES else None
    if changed is None:
        return UsageError(what, next_step=page)
    return UsageError(
        what,
        why="values of the config are given as key=value",
        next_step="reprobox " + shlex.join(changed),
    )


def _options(context: click.Context | None) -> set[str]:
    """The long options of a command, and those of every command."""
    params = context.command.params if context is not None else []
    own = {option for param in params for option in (*param.opts, *param.secondary_opts)}
    return {option for option in own if option.startswith("--")} | set(COMMON) | {"--help"}


def _as_overrides(arguments: list[str], known: set[str]) -> list[str] | None:
    """`--lr 0.1` and `--lr=0.1` become `lr=0.1`, for each unknown option; None where one of them
    has no value.
    """
    made: list[str] = []
    words = iter(arguments)
    for word in words:
        name, given, value = word.partition("=")
        if not name.startswith("--") or name in known or name == "--":
            made.append(word)
            continue
        value = value if given else next(words, "-")
        if value.startswith("-") and not _is_number(value):
            return None
        made.append(f"{name.removeprefix('--').replace('-', '_')}={value}")
    return made


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _nearest(word: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.7)), "")
