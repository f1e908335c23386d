"""Runs that are not over yet, and what is left of those whose maker died: a ref, a scratch directory, a container.

Whoever makes a run first writes `tmp/pending-<id>`, holds a lock on it, and removes it last. A note that nobody holds tells of a
detached run, or of a death. After the death of one that had not begun it is kept for a while, because the engine may still carry
out a request of the dead: a container that nobody waits for appears late (measured: 11 of 500 kills).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from reprobox.errors import RunNotFound
from reprobox.flow import code, hidden
from reprobox.flow.box import Box
from reprobox.flow.plan import LABEL_RUN, LABEL_STORE
from reprobox.kit import files
from reprobox.source import refs
from reprobox.store import layout

_PREFIX = "pending-"
_LATE = 600.0
"""Seconds that a container may appear late; as long as `engine` waits for an engine that is away."""


def begin(box: Box, run_id: str) -> None:
    """Notes a run that is being made; again is fine."""
    if run_id in box.making:
        return
    layout.ensure(box.runs.root)
    stack = contextlib.ExitStack()
    with layout.trouble(f"noting run {run_id}"):
        stack.enter_context(files.locked(_path(box, run_id), wait=False))
    box.making[run_id] = stack


def release(box: Box, run_id: str) -> None:
    """Lets go of a run that goes on by itself; the note stays."""
    stack = box.making.pop(run_id, None)
    if stack is not None:
        stack.close()


def end(box: Box, run_id: str) -> None:
    """Nothing is left to do for the run."""
    if not _exists(box, run_id):
        _forget_refs(box, run_id)
    _path(box, run_id).unlink(missing_ok=True)
    release(box, run_id)


def leave(box: Box, run_id: str) -> None:
    """Leaves the note of a run that was discarded while the engine might still be carrying out a request for it."""
    with layout.trouble(f"noting run {run_id}"):
        _path(box, run_id).touch()


def clear(box: Box, tidy: Callable[[str], bool]) -> None:
    """Removes what the dead have left. Raises as the engine does.

    Args:
        tidy: removes the container and the scratch of a run that has its record; whether they are gone.
    """
    unborn = {}
    for run_id, age in list(_dead(box)):
        if not _exists(box, run_id):
            unborn[run_id] = age
        elif box.runs.finished(run_id) and tidy(run_id):
            _path(box, run_id).unlink(missing_ok=True)
        else:
            _path(box, run_id).touch()  # gc removes old ones that nobody holds
    if unborn:
        _clear_unborn(box, unborn)


def _clear_unborn(box: Box, unborn: Mapping[str, float]) -> None:
    for there in box.engine.find({LABEL_STORE: str(box.runs.root)}):
        if there.labels.get(LABEL_RUN) in unborn:
            box.engine.remove(there.id)
    box.runs.sweep(unborn)
    for run_id, age in unborn.items():
        _forget_refs(box, run_id)
        hidden.forget(box.runs.folder / run_id)
        if age > _LATE:
            _path(box, run_id).unlink(missing_ok=True)


def _dead(box: Box) -> Iterator[tuple[str, float]]:
    """Ids whose maker has died, and seconds since it began."""
    folder = box.runs.root / "tmp"
    for path in sorted(folder.glob(f"{_PREFIX}*")) if folder.is_dir() else ():
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            age = time.time() - path.stat().st_mtime
            with files.locked(path, wait=False):
                pass
            yield path.name.removeprefix(_PREFIX), age


def _exists(box: Box, run_id: str) -> bool:
    try:
        box.runs.path(run_id)
    except RunNotFound:
        return False
    return True


def _forget_refs(box: Box, run_id: str) -> None:
    for top in (box.top, box.runs.root / code.CODE):
        if top.is_dir():
            refs.forget(top, run_id)


def _path(box: Box, run_id: str) -> Path:
    return box.runs.root / "tmp" / f"{_PREFIX}{run_id}"
