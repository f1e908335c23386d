"""Sweeps of a project: `.reprobox/sweeps/<id>/`, with what was asked for and a file for each trial.

A trial's file names its run before the run begins. So a supervisor that dies at any moment leaves
either no file (the trial is still to be made), or a file whose run is there (it is finished like
any other run) or is not (it never began, and is made again under another id). No trial is lost and
none is made twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from reprobox.errors import RunBusy, SweepNotFound
from reprobox.kit import files
from reprobox.model import codec
from reprobox.model.sweep import Sweep, Trial
from reprobox.store import layout, run_ids

FOLDER = "sweeps"
_STOP = "stop"


class Sweeps:
    """The sweeps below one store."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / FOLDER

    def new_id(self, now: float) -> str:
        """An id that no sweep has: as a run's, so that both sort by time."""
        return run_ids.new_id(now)

    def begin(self, sweep: Sweep) -> None:
        """Writes what was asked for, durably."""
        place = self._folder / sweep.id
        with layout.trouble("beginning a sweep"):
            layout.ensure(self._root)
            files.make_dir(self._folder)
            files.make_dir(place)
            files.make_dir(place / "trials")
            files.publish(place / "sweep.json", codec.encode(sweep))

    def find(self, reference: str) -> Sweep:
        """The sweep of an id, a part of one, or `latest`.

        Raises:
            SweepNotFound: there is none, or several.
        """
        known = self.ids()
        wanted = reference.removeprefix("sweep:")
        if wanted == "latest" and known:
            return self.read(known[-1])
        found = [one for one in known if one == wanted] or [one for one in known if wanted in one]
        if len(found) != 1:
            raise SweepNotFound(
                f"no sweep is called {reference!r}" if not found else f"{reference!r} is ambiguous",
                why="\n".join(found[:5]),
                next_step="reprobox sweep status",
            )
        return self.read(found[0])

    def read(self, sweep_id: str) -> Sweep:
        """What was asked for."""
        path = self._folder / sweep_id / "sweep.json"
        with layout.trouble(f"reading sweep {sweep_id}"):
            return codec.decode(Sweep, path.read_bytes(), where=f"the sweep {sweep_id}")

    def has(self, sweep_id: str) -> bool:
        """Whether a sweep of exactly this id has begun."""
        return (self._folder / sweep_id / "sweep.json").is_file()

    def ids(self) -> list[str]:
        """Oldest first."""
        with layout.trouble("listing the sweeps"):
            try:
                names = [path.name for path in self._folder.iterdir()]
            except FileNotFoundError:
                return []
        return sorted(name for name in names if (self._folder / name / "sweep.json").is_file())

    def trials(self, sweep_id: str) -> list[Trial]:
        """The trials that were begun, by number."""
        folder = self._folder / sweep_id / "trials"
        with layout.trouble(f"reading sweep {sweep_id}"):
            paths = sorted(folder.glob("*.json"))
            return [
                codec.decode(Trial, path.read_bytes(), where=f"trial {path.stem} of {sweep_id}")
                for path in paths
            ]

    def claim(self, sweep_id: str, trial: Trial) -> None:
        """Names the run of a trial, durably, before the run begins; replaces an earlier name."""
        path = self._folder / sweep_id / "trials" / f"{trial.number:06d}.json"
        with layout.trouble(f"writing a trial of sweep {sweep_id}"):
            files.replace(path, codec.encode(trial))

    @contextlib.contextmanager
    def held(self, sweep_id: str) -> Iterator[None]:
        """Makes this process the sweep's supervisor.

        Raises:
            RunBusy: another process is.
        """
        try:
            with files.locked(self._folder / sweep_id / "lock", wait=False):
                (self._folder / sweep_id / _STOP).unlink(missing_ok=True)
                yield
        except BlockingIOError as fault:
            raise RunBusy(
                f"sweep {sweep_id} has a supervisor already",
                next_step=f"reprobox sweep status {sweep_id}",
            ) from fault

    def supervised(self, sweep_id: str) -> bool:
        """Whether a process supervises the sweep."""
        try:
            with files.locked(self._folder / sweep_id / "lock", wait=False):
                return False
        except BlockingIOError:
            return True

    def ask_to_stop(self, sweep_id: str) -> None:
        """The supervisor starts no more trials."""
        (self._folder / sweep_id / _STOP).touch()

    def asked_to_stop(self, sweep_id: str) -> bool:
        """Whether it was asked to stop since the supervisor began."""
        return (self._folder / sweep_id / _STOP).exists()

    def storage(self, sweep_id: str) -> Path:
        """Where a search keeps its state."""
        return self._folder / sweep_id / "search.db"
