"""An input tree that is pinned, and mounted as for a run."""

from __future__ import annotations

from pathlib import Path

from reprobox.cli.messages import Talk
from reprobox.data import mounting, pins, relook
from reprobox.data.pins import Input
from reprobox.model.spec import InputIntent
from reprobox.store.objects import ObjectStore

TALK = Talk(quiet=True, color=False, debug=False)


def pinned(data: Path) -> Input:
    return pins.pin(
        InputIntent(path="data", source=str(data)),
        top=data.parent,
        workdir=".",
        objects=ObjectStore(data.parent / "store"),
        progress=TALK,
    )


def mounted(data: Path, given: Input) -> tuple[mounting.Mounted, Path]:
    run = data.parent / "run"
    run.mkdir(exist_ok=True)
    made = mounting.bring(given, data, run / "0", TALK)
    relook.note(run, [(made, given.pin.manifest)])
    return made, run
