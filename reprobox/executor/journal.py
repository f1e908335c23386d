"""Runs that are not over yet, and what is left of those whose maker died: a ref, a scratch
directory, a container.

The process that makes a run first writes `tmp/pending-<id>`, holds a lock on it, and removes it
last. A note without a holder means a detached run, or a death. After the death of a run that had
not begun the note is kept for a while, because the engine may still carry out a request of the dead
process: its container appears late (measured: 11 of 500 kills). The note says which host and engine
it is about, because only there it may be acted on.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from reprobox.context import Context
from reprobox.errors import RunNotFound
from reprobox.executor import run_home, secrets
from reprobox.kit import canon, files
from reprobox.model.home import Home
from reprobox.model.record import Intent
from reprobox.store import layout

_PREFIX = "pending-"
_LATE = 600.0
"""Seconds that a container may appear late: as long as `engine` waits for an absent engine."""


def begin(context: Context, run_id: str, intent: Intent | None = None) -> None:
    """Notes a run that is being made; again is fine, as soon as its intent is known."""
    with layout.trouble(f"noting run {run_id}"):
        if run_id not in context.making:
            layout.ensure(context.runs.root)
            stack = contextlib.ExitStack()
            stack.enter_context(files.locked(_path(context, run_id), wait=False))
            context.making[run_id] = stack
        _write(context, run_id, intent)


def _write(context: Context, run_id: str, intent: Intent | None) -> None:
    """Into the locked file itself: a file put in its place would not be locked."""
    host, engine = (intent.host, intent.engine) if intent else (run_home.host_facts(), {})
    known = {key: engine[key] for key in ("id", "root", "mark") if key in engine}
    note = _path(context, run_id)
    with note.open("wb") as file:
        file.write(canon.canonical({"host": host, "engine": known}))


def release(context: Context, run_id: str) -> None:
    """Lets go of a run that continues by itself; the note stays."""
    stack = context.making.pop(run_id, None)
    if stack is not None:
        stack.close()


def end(context: Context, run_id: str) -> None:
    """Nothing is left to do for the run."""
    if not _exists(context, run_id):
        _forget_refs(context, run_id)
    _path(context, run_id).unlink(missing_ok=True)
    release(context, run_id)


def kept(context: Context, what: str) -> None:
    """Something else than a run was made under this id, and needs its commit from here on."""
    _path(context, what).unlink(missing_ok=True)
    release(context, what)


def leave(context: Context, intent: Intent) -> None:
    """Leaves the note of a run that was discarded while the engine might still be carrying out a
    request for it.
    """
    with layout.trouble(f"noting run {intent.id}"):
        _write(context, intent.id, intent)


def clear(context: Context, tidy: Callable[[str], bool]) -> None:
    """Removes what the dead have left. Raises as the engine does.

    Args:
        tidy: removes the container and the scratch of a run that has its record; whether they are
            gone.
    """
    unborn = {}
    for run_id, age in list(_dead(context)):
        if _is_sweep(context, run_id):
            kept(context, run_id)  # its maker died after the sweep had begun
        elif not _exists(context, run_id):
            if _is_here(context, run_id):
                unborn[run_id] = age
            else:
                _path(context, run_id).touch()
        elif not context.runs.is_removed(run_id) and context.runs.finished(run_id) and tidy(run_id):
            _path(context, run_id).unlink(missing_ok=True)
        else:
            _path(context, run_id).touch()  # gc removes old ones that no process holds
    if unborn:
        _clear_unborn(context, unborn)


def _clear_unborn(context: Context, unborn: Mapping[str, float]) -> None:
    from reprobox.executor.container_spec import LABEL_RUN, LABEL_STORE

    for there in context.engine.find({LABEL_STORE: str(context.runs.root)}):
        if there.labels.get(LABEL_RUN) in unborn:
            context.engine.remove(there.id)
    context.runs.sweep(unborn)
    for run_id, age in unborn.items():
        _forget_refs(context, run_id)
        secrets.forget(context.runs.folder / run_id)
        if age > _LATE:
            _path(context, run_id).unlink(missing_ok=True)


def _dead(context: Context) -> Iterator[tuple[str, float]]:
    """Ids whose maker has died, and seconds since it began."""
    folder = context.runs.root / "tmp"
    for path in sorted(folder.glob(f"{_PREFIX}*")) if folder.is_dir() else ():
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            age = time.time() - path.stat().st_mtime
            with files.locked(path, wait=False):
                pass
            yield path.name.removeprefix(_PREFIX), age


def _is_here(context: Context, run_id: str) -> bool:
    """Whether the note is of this host and engine; one that names neither is."""
    try:
        note = canon.parse(_path(context, run_id).read_bytes())
        recorded = Home.of(note["host"], note["engine"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return True
    return run_home.may_be_here(context, recorded)


def _exists(context: Context, run_id: str) -> bool:
    """Whether the run is here, also as a removed one that can be restored."""
    if context.runs.is_removed(run_id):
        return True
    try:
        context.runs.path(run_id)
    except RunNotFound:
        return False
    return True


def _is_sweep(context: Context, what: str) -> bool:
    from reprobox.store.sweeps import Sweeps

    return Sweeps(context.runs.root).has(what)


def _forget_refs(context: Context, run_id: str) -> None:
    from reprobox.executor import commits
    from reprobox.source import refs

    imported = context.runs.root / commits.CODE
    refs.forget(context.repo, run_id)
    if imported.is_dir():
        refs.forget(context.repo_at(imported), run_id)


def _path(context: Context, run_id: str) -> Path:
    return context.runs.root / "tmp" / f"{_PREFIX}{run_id}"
