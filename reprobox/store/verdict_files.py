"""Verdicts next to the run that was checked: numbered, never replaced."""

from __future__ import annotations

from pathlib import Path

from reprobox.model import codec
from reprobox.model.verdict import Verdict
from reprobox.store import layout
from reprobox.store.numbered_files import add_numbered, numbered

FOLDER = "verdicts"


def add(run: Path, verdict: Verdict) -> Path:
    """Publishes a verdict in a run's directory under the next free number. Raises RunNotFound when
    there is no such directory.
    """
    return add_numbered(run, FOLDER, codec.encode(verdict))


def paths(run: Path) -> list[Path]:
    """The files of a run's verdicts, oldest first."""
    return numbered(run, FOLDER)


def read(path: Path) -> Verdict:
    """One verdict."""
    with layout.trouble(f"reading {path}"):
        return codec.decode(Verdict, path.read_bytes(), where=str(path))
