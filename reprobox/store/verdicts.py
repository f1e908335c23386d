"""Verdicts beside the run that was checked: numbered, never replaced."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from reprobox.errors import RunNotFound
from reprobox.kit import files
from reprobox.model import codec
from reprobox.model.verdict import Verdict
from reprobox.store import layout

_NAME = re.compile(r"\d{4,}\.json")


def add(run: Path, verdict: Verdict) -> Path:
    """Publishes a verdict in a run's directory under the next free number.

    Raises:
        RunNotFound: the directory is not there.
    """
    folder = run / "verdicts"
    data = codec.encode(verdict)
    with layout.trouble(f"writing a verdict to {run}"):
        if not run.is_dir():
            raise RunNotFound(f"there is no run {run.name}")
        files.make_dir(folder)
        files.fsync_dir(run)
        for number in itertools.count(len(paths(run)) + 1):
            path = folder / f"{number:04d}.json"
            try:
                files.publish(path, data)
            except FileExistsError:
                continue
            break
    return path


def paths(run: Path) -> list[Path]:
    """The files of a run's verdicts, oldest first."""
    with layout.trouble(f"listing the verdicts of {run.name}"):
        try:
            found = [path for path in (run / "verdicts").iterdir() if _NAME.fullmatch(path.name)]
        except FileNotFoundError:
            return []
    return sorted(found, key=lambda path: int(path.stem))


def read(path: Path) -> Verdict:
    """One verdict."""
    with layout.trouble(f"reading {path}"):
        return codec.decode(Verdict, path.read_bytes(), where=str(path))
