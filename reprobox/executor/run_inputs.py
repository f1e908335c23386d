"""The inputs of a run: made ready to be mounted, and looked at again when it has ended."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reprobox.context import Context
from reprobox.data import mounting, pins, relook
from reprobox.data.pins import Input
from reprobox.errors import SourceError
from reprobox.kit.text import shown
from reprobox.model.observed import inputs_changed
from reprobox.model.runspec import WORK, InputPin
from reprobox.model.source import Exported
from reprobox.store.rundir import RunDir

FOLDER = "inputs"
"""In the run's directory: inputs that were laid out for it."""
NOTE = relook.NAME


def lay_out(
    context: Context, run_dir: Path, inputs: Sequence[Input], exported: Sequence[Exported]
) -> dict[str, str]:
    """Makes the inputs ready: path in the container to the path on this host that is mounted there.

    Args:
        exported: the commit, laid out in `work`.

    Raises:
        InputError: one changed since it was hashed.
        SourceError: one is said to be part of the commit, and is not in there.
    """
    own = {
        one.pin.path: _of_commit(context, one.pin, run_dir / "work", exported)
        for one in inputs
        if one.source is None
    }
    (run_dir / FOLDER).mkdir()
    mounted = [
        (
            mounting.bring(one, one.source, run_dir / FOLDER / str(number), context.progress),
            one.pin.manifest,
        )
        for number, one in enumerate(inputs)
        if one.source is not None
    ]
    relook.note(run_dir, mounted)
    return own | {one.path: os.fspath(one.source) for one, _ in mounted}


def _of_commit(context: Context, pin: InputPin, work: Path, exported: Sequence[Exported]) -> str:
    """An input that is part of the commit is mounted read-only from the exported commit itself. The
    record may come from elsewhere, and the engine would mount any path of the host.
    """
    top = work.resolve()
    place = (top / (pin.place or pin.path.removeprefix(f"{WORK}/"))).resolve()
    if not (pin.place or pin.path.startswith(f"{WORK}/")) or not place.is_relative_to(top):
        raise SourceError(
            f"the input {shown(pin.path)} should be part of the commit, and leads out of it",
            why="A link of the commit is on the way, or the path itself leaves the tree.",
        )
    if pins.disagrees(pin, exported):
        _report_other_bytes(context, pin)
    return os.fspath(place)


def _report_other_bytes(context: Context, pin: InputPin) -> None:
    """Runs of 0.1.0 pinned the work tree's files of an input that was mounted from the commit."""
    what = f"the input {shown(pin.path)} is pinned with other bytes than the commit has"
    if pin.manifest > 1:
        raise SourceError(what, why="They are mounted from the commit.")
    context.progress.note(f"{what}; the run saw the commit's, and so does this one")


def look(context: Context, run: RunDir) -> list[dict[str, Any]]:
    """What of the inputs did not stay what was hashed; it is reported, too."""
    found = relook.look(run.path)
    for one in inputs_changed({"inputs_changed": found}):
        context.progress.note(f"run {run.id}: {shown(one.sentence)}")
    return found
