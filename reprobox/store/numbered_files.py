"""Documents of a run that come after its record (verdicts, statements, addresses): numbered files,
never replaced.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from reprobox.errors import RunNotFound
from reprobox.kit import files
from reprobox.kit.regex import regex
from reprobox.store import layout

_NAME = regex(r"[0-9]{4,}\.json")


def numbered(run: Path, folder: str) -> list[Path]:
    """The numbered files of a directory of a run, oldest first."""
    with layout.trouble(f"listing {folder} of {run.name}"):
        try:
            names = os.listdir(f"{run}/{folder}")
        except FileNotFoundError:
            return []
    found = (run / folder / name for name in names if _NAME.fullmatch(name))
    return sorted(found, key=lambda path: int(path.stem))


def add_numbered(run: Path, folder: str, data: bytes) -> Path:
    """Publishes bytes in a run's directory under the next free number; the path. Never replaces.

    Raises:
        RunNotFound: the directory is not there.
    """
    with layout.trouble(f"writing to {run}"):
        if not run.is_dir():
            raise RunNotFound(f"there is no run {run.name}")
        files.make_dir(run / folder)
        number = len(numbered(run, folder))
        while True:
            number += 1
            path = run / folder / f"{number:04d}.json"
            with contextlib.suppress(FileExistsError):
                files.publish(path, data)
                return path
