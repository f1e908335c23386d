"""Files that a program leaves outside of its work tree: which are collected, and which are named.

They lie in memory and are gone with the container, so the shim looks at them (payload/
_reprobox_outside.py): the patterns of the config that begin with a place of the container are
copied out and become outputs below `@/`; the rest is named in the record.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reprobox.engine import passwd
from reprobox.kit import canon
from reprobox.kit.text import shown
from reprobox.model import observed
from reprobox.model.ports import Progress
from reprobox.model.spec import OUTSIDE, OutputRule

RULES = "collect"
FOLDER = "outside"
REPORT = "outside.json"
_LARGEST = 1 << 20
_CACHE = f"{passwd.HOME}/.cache/"
"""Not named: what libraries keep there (fonts, compiled code) is not a result, by the XDG Base
Directory Specification. A pattern of the config goes before it.
"""


def ask(out: Path, rules: Iterable[OutputRule]) -> None:
    """Writes down for the shim what is collected and what is not worth a word."""
    lines = [
        f"{'-' if rule.compare == 'ignore' else '+'}{rule.pattern}"
        for rule in rules
        if rule.pattern.startswith("/") and "\n" not in rule.pattern
    ]
    lines.append(f"-{_CACHE}")
    (out / RULES).write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))


def bring(out: Path, work: Path) -> None:
    """Moves what was collected into the work tree, where outputs are looked for. The program could
    write there too: what is not a directory, or has no free place, stays where it is.
    """
    source, target = out / FOLDER, work / OUTSIDE
    try:
        if stat.S_ISDIR(os.lstat(source).st_mode) and not os.path.lexists(target):
            source.rename(target)
    except FileNotFoundError:
        return


def left(out: Path) -> dict[str, Any] | None:
    """What the shim says that was left; None where it could not look."""
    try:
        fd = os.open(out / REPORT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            value = canon.parse(file.read(_LARGEST))
    except (OSError, ValueError):
        return None
    fits = isinstance(value, dict) and observed.fits({"outside": value})
    return value if fits and isinstance(value, dict) else None


def report(progress: Progress, found: dict[str, Any] | None) -> None:
    """Names what is lost, and how it would have been kept."""
    seen = observed.outside({"outside": found})
    if seen is None:
        return
    if seen.sentence:
        folder = os.path.dirname(seen.named[0][0]) if seen.named else "/tmp"  # noqa: S108 - a path in the container
        key = f'outputs: {{"{folder}/": bytes}}'
        progress.note(shown(f"{seen.sentence}; `{key}` in the config collects what is there"))
    for line in seen.failed:
        progress.note(f"could not be collected: {shown(line)}")
