"""lock and build: from the config to a lock, and from the lock to an image."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reprobox.errors import ConfigError, LockMissing, LockStale, NotARepository
from reprobox.flow.box import Box, shared_home
from reprobox.kit.text import shown
from reprobox.lock import file as lock_file
from reprobox.model.image import Image
from reprobox.model.lock import Expected, Lock
from reprobox.model.spec import Spec
from reprobox.runtime import profiles

if TYPE_CHECKING:
    from reprobox.image.check import Difference


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A lock, where it is, and whether this call changed it."""

    lock: Lock
    digest: str
    path: Path
    changed: bool


@dataclass(frozen=True, kw_only=True)
class Built:
    """An image, and how it came to be here: `found` in the engine or `composed`."""

    image: Image
    how: str
    lock_changed: bool = False


def load_spec(box: Box, config: Path, overrides: Sequence[str] = ()) -> tuple[Spec, Path]:
    """The config file, resolved; and its absolute path. Paths in the Spec are relative to the top of the repository.

    Raises:
        ConfigError: missing, unreadable, or wrong.
    """
    from reprobox.config.load import load

    path = config.absolute()
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read the config {config}", why=error.strerror or "", next_step="name a YAML file, or write one: reprobox init"
        ) from error
    spec = load(text, config_path=_below_top(box, path), overrides=overrides, where=path.name)
    _refuse_shadowed(spec, config)
    return spec, path


def _below_top(box: Box, config: Path) -> str:
    """A config's path relative to the top; to `/` where no repository holds it, which lock and build do not need."""
    real = config.resolve()
    try:
        return real.relative_to(box.top.resolve()).as_posix()
    except (NotARepository, ValueError):
        return real.as_posix().lstrip("/")


def _refuse_shadowed(spec: Spec, config: Path) -> None:
    """A run's environment stands over the image's, so what an image alone says of these names no program would ever see."""
    given = profiles.env(spec.profile, seed=spec.seed, threads=spec.threads, commit_time=0, trail=spec.trail)
    image = spec.environment.image_env
    lost = [
        name for name in image if name in given and name != "PYTHONPATH" and name not in spec.env and image[name] != given[name]
    ]
    if lost:
        raise ConfigError(
            f"{shown(str(config))} gives the image variables that no run would see",
            why="\n".join(f"reprobox.environment.env.{name}: every run gets its own {name}" for name in sorted(lost)),
            next_step=f"write {'it' if len(lost) == 1 else 'them'} below reprobox.env, which stands over what a run gets",
        )


def lock_path(spec: Spec, config: Path) -> Path:
    """The lock of a config: `reprobox.lock` beside it (or beside the link that leads to it), or where the config says."""
    return config.parent / os.path.relpath(spec.lock_path, os.path.dirname(spec.config_path) or ".")


def lock(box: Box, config: Path, *, upgrade: bool = False, upgrade_packages: Sequence[str] = (), locked: bool = False) -> Locked:
    """Makes or refreshes the lock; with `locked`, only says whether it is fresh.

    Raises:
        LockStale: with `locked`, when the lock does not answer the config.
        LockMissing: with `locked`, when there is none.
    """
    from reprobox.lock import intent, resolve

    spec, path = load_spec(box, config)
    target = lock_path(spec, path)
    previous = lock_file.read(target) if target.exists() else None
    if locked:
        fresh = _noted(spec, path)
        return Locked(lock=fresh, digest=lock_file.digest(fresh), path=target, changed=False)
    wanted = intent.digest(spec.environment, path.parent)
    if previous and previous.intent == wanted and not upgrade and not upgrade_packages:
        _note(target)
        _complete(box, previous)
        return Locked(lock=previous, digest=lock_file.digest(previous), path=target, changed=False)
    made = resolve.resolve(
        spec.environment,
        root=path.parent,
        previous=previous,
        objects=box.objects,
        engine=None if spec.environment.base.kind == "debian" else box.engine,
        upgrade=upgrade,
        upgrade_packages=upgrade_packages,
        progress=box.progress,
        now=int(box.clock()),
    )
    if made != previous:
        lock_file.write(target, made)
    _note(target)
    return Locked(lock=made, digest=lock_file.digest(made), path=target, changed=made != previous)


def _noted(spec: Spec, config: Path) -> Lock:
    """The fresh lock, which keeps what it names from `gc` from now on; errors as `fresh_lock`."""
    found = fresh_lock(spec, config)
    _note(lock_path(spec, config))
    return found


def _note(target: Path) -> None:
    """Tells the shared store that a lock needs it: it may be in any directory, and no run of it may ever have been made."""
    from reprobox.store.project import register

    register(shared_home(), target)


def _complete(box: Box, lock: Lock, *, offline: bool = False) -> None:
    from reprobox.lock import fetch

    fetch.complete(lock, box.objects, box.progress, offline=offline)


def fresh_lock(spec: Spec, config: Path) -> Lock:
    """The lock on disk, which must answer the config as it is now.

    Raises:
        LockMissing, LockStale: with what to run.
    """
    from reprobox.lock import intent

    target = lock_path(spec, config)
    again = f"reprobox lock {_from_here(config)}"
    if not target.exists():
        raise LockMissing(f"there is no lock {shown(target.name)} for {shown(config.name)}", why=str(target), next_step=again)
    found = lock_file.read(target)
    if found.intent != intent.digest(spec.environment, config.parent):
        raise LockStale(
            f"{shown(target.name)} was made for another environment than {shown(config.name)} asks for now",
            why="The base, the packages, the interpreter or a requirements file has changed since.",
            next_step=f"{again}, then commit {_from_here(target)}",
        )
    return found


def _from_here(path: Path) -> str:
    """A path as it can be typed in the current directory."""
    return shlex.quote(os.path.relpath(path))


def build(box: Box, config: Path, *, offline: bool = False) -> Built:
    """Finds or composes the image of the config's lock; the first time, writes what came out into the lock."""
    spec, path = load_spec(box, config)
    found = _noted(spec, path)
    built = ensure_image(box, found, offline=offline)
    expected = Expected(config=built.image.config, manifest=built.image.manifest, diff_ids=built.image.diff_ids)
    if found.image == expected:
        return built
    lock_file.write(lock_path(spec, path), replace(found, image=expected))
    return replace(built, lock_changed=True)


def ensure_image(box: Box, lock: Lock, *, offline: bool = False) -> Built:
    """The lock's image in the engine, composed if it is not there; nothing is written."""
    from reprobox.image import compose

    digest = lock_file.digest(lock)
    if image := compose.find(lock, digest, box.engine):
        return Built(image=image, how="found")
    _complete(box, lock, offline=offline)
    image = compose.compose(lock, digest, objects=box.objects, engine=box.engine, progress=box.progress)
    return Built(image=image, how="composed")


def vendor(box: Box, lock: Lock) -> None:
    """Makes sure that every byte of a lock is in the store and is what its hash says."""
    from reprobox.lock import fetch

    _complete(box, lock)
    fetch.verify(lock, box.objects, box.progress)


def check(box: Box, config: Path) -> list[Difference]:
    """Composes the lock's image again under other conditions; what differs."""
    from reprobox.image import check as again

    spec, path = load_spec(box, config)
    found = _noted(spec, path)
    _complete(box, found)
    return again.check(found, lock_file.digest(found), objects=box.objects, engine=box.engine, progress=box.progress)
