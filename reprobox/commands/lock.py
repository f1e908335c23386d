"""lock: config -> Lock, with every byte of it in the store."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from reprobox.commands.shared.load_config import load_spec
from reprobox.commands.shared.wheel_maker import wheel_maker
from reprobox.context import Context, shared_home
from reprobox.errors import LockMissing, LockStale, NotARepository
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import shown
from reprobox.kit.units import counted
from reprobox.lock import lock_file
from reprobox.model.lock import Contested, Lock
from reprobox.model.spec import Spec


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A lock, where it is, and whether this call changed it."""

    lock: Lock
    digest: str
    path: Path
    changed: bool


def lock_path(spec: Spec, config: Path) -> Path:
    """The lock of a config: `reprobox.lock` next to it (or to the link that leads to it), or
    where the config says.
    """
    return config.parent / os.path.relpath(spec.lock_path, os.path.dirname(spec.config_path) or ".")


def lock(
    context: Context,
    config: Path,
    *,
    upgrade: bool = False,
    upgrade_packages: Sequence[str] = (),
    locked: bool = False,
) -> Locked:
    """Makes or refreshes the lock; with `locked`, only says whether it is fresh.

    Raises:
        LockStale: with `locked`, when the lock does not answer the config.
        LockMissing: with `locked`, when there is none.
    """
    from reprobox.commands.shared import editor_schema
    from reprobox.lock import intent, resolve

    spec, path = load_spec(context, config)
    editor_schema.refresh(context, path)
    target = lock_path(spec, path)
    previous = lock_file.read(target) if target.exists() else None
    if locked:
        fresh = _noted(spec, path)
        return Locked(lock=fresh, digest=lock_file.digest(fresh), path=target, changed=False)
    fresh_already = previous is not None and intent.answers(
        previous.intent, spec.environment, path.parent, target.parent
    )
    if previous and fresh_already and not upgrade and not upgrade_packages:
        _note(target)
        _complete(context, previous)
        return Locked(lock=previous, digest=lock_file.digest(previous), path=target, changed=False)
    made = resolve.resolve(
        spec.environment,
        root=path.parent,
        previous=previous,
        objects=context.objects,
        engine=None if spec.environment.base.kind == "debian" else context.engine,
        upgrade=upgrade,
        upgrade_packages=upgrade_packages,
        progress=context.progress,
        now=int(context.clock()),
        contested=lambda made, order: _contested(context, made, order),
        maker=wheel_maker(context),
        lock_dir=target.parent,
        place=_place(context, spec),
    )
    if made != previous:
        lock_file.write(target, made)
    _note(target)
    return Locked(lock=made, digest=lock_file.digest(made), path=target, changed=made != previous)


def _place(context: Context, spec: Spec) -> str | None:
    """The config's directory relative to the top of the repository, where there is one."""
    try:
        context.top  # noqa: B018  (asks for it)
    except NotARepository:
        return None
    return os.path.dirname(spec.config_path)


def _contested(context: Context, made: Lock, order: Sequence[str]) -> tuple[Contested, ...]:
    from reprobox.image import conda_link, wheel_paths

    if made.conda:
        conda_link.check(made.conda, made.python.version, context.objects)
    found = wheel_paths.contested(made.wheels, order, context.objects.path, made.python.version)
    for text in contested_lines(found):
        context.progress.note(text)
    return found


def contested_lines(found: Sequence[Contested]) -> list[str]:
    """Which wheels have different files at one path, and whose is used; a line for each group."""
    groups: dict[tuple[str, ...], list[Contested]] = {}
    for one in found:
        groups.setdefault(one.wheels, []).append(one)
    return [
        f"{', '.join(wheels[:-1])} and {wheels[-1]} have different files at "
        f"{counted(len(paths), 'path')} (such as {paths[0].path}): as with pip, those of "
        f"{wheels[-1]} are there"
        for wheels, paths in groups.items()
    ]


def _noted(spec: Spec, config: Path) -> Lock:
    """The fresh lock, which keeps what it names from `gc` from now on; errors as `fresh_lock`."""
    found = fresh_lock(spec, config)
    _note(lock_path(spec, config))
    return found


def _note(target: Path) -> None:
    """Registers with the shared store that a lock needs it: it may be in any directory, and no run
    of it may ever have been made.
    """
    from reprobox.store.project import register

    register(shared_home(), target)


def _complete(context: Context, lock: Lock, *, offline: bool = False) -> None:
    from reprobox.lock import fetch

    maker = wheel_maker(context)
    fetch.complete(lock, context.objects, context.progress, offline=offline, maker=maker)


def fresh_lock(spec: Spec, config: Path) -> Lock:
    """The lock on disk, which must answer the config as it is now.

    Raises:
        LockMissing, LockStale: with what to run.
    """
    from reprobox.lock import intent

    target = lock_path(spec, config)
    again = f"reprobox lock {_from_here(config)}"
    if not target.exists():
        raise LockMissing(
            f"lock file not found: {shown(target.name)}, for {shown(config.name)}",
            why=str(target),
            next_step=again,
        )
    found = lock_file.read(target)
    if not intent.answers(found.intent, spec.environment, config.parent, target.parent):
        raise LockStale(
            f"{shown(target.name)} was made for another environment than {shown(config.name)} "
            "asks for now",
            why="The base, the packages, the interpreter or a requirements file has changed since.",
            next_step=f"{again}, then commit {_from_here(target)}",
        )
    return found


def _from_here(path: Path) -> str:
    """A path as it can be typed in the current directory."""
    return shlex.quote(os.path.relpath(path))


def vendor(context: Context, lock: Lock) -> None:
    """Makes sure that every byte of a lock is in the store and is what its hash says."""
    from reprobox.lock import fetch

    _complete(context, lock)
    fetch.verify(lock, context.objects, context.progress)
