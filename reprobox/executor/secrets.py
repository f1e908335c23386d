"""Secrets: read when a run starts, mounted from memory, removed when it has ended. Names are
recorded, values never.

A value never passes through the engine's `Env`, which `docker inspect` shows and the engine writes
to its disk; and never through a file on a disk of ours. The shim masks values in what the program
says (runtime/payload/_reprobox_secrets.py), so that it does not matter who collects the run.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from reprobox.config import grammar
from reprobox.errors import ConfigError
from reprobox.kit import fd_trees
from reprobox.store import layout
from reprobox.store.runs import Runs

SHORTEST = 4
"""Bytes: a shorter value stands in ordinary output too, and masking it would say what it is."""


def read(wanted: Mapping[str, str], directory: Path) -> dict[str, bytes]:
    """Values by name, read now, from `env:NAME` or `file:PATH`.

    Args:
        directory: where the config is; relative paths start there.

    Raises:
        ConfigError: a name or a place is not as a config may have it; a value cannot be read, or is
            too short to be hidden.
    """
    found = {}
    for name, origin in wanted.items():
        # They may come from another user's record, which no config loader has seen.
        _require(name, origin)
        kind, _, place = origin.partition(":")
        try:
            value = (
                os.environb[os.fsencode(place)]
                if kind == "env"
                else (directory / Path(place).expanduser()).read_bytes()
            )
        except (KeyError, OSError, RuntimeError) as error:
            raise ConfigError(
                f"secret {name} cannot be read from {origin}",
                next_step="set it, or correct `reprobox.secrets`",
            ) from error
        if len(value.strip()) < SHORTEST:
            raise ConfigError(
                f"secret {name} has fewer than {SHORTEST} bytes",
                why="So short a value stands in ordinary output too, and could not be kept out of "
                "the log.",
                next_step=f"look at {origin}: it may be empty; what is not a secret belongs into "
                "`reprobox.env`",
            )
        found[name] = value
    return found


def _require(name: str, origin: str) -> None:
    try:
        grammar.secret(name, origin)
    except ValueError as fault:
        raise ConfigError(f"secret {name!r} is refused", why=str(fault)) from fault


def files(wanted: Mapping[str, str], directory: Path) -> Iterator[tuple[str, Path]]:
    """Secrets that come from files, by name, with where they are."""
    for name, origin in wanted.items():
        kind, _, place = origin.partition(":")
        if kind == "file":
            yield name, directory / Path(place).expanduser()


def folder(run_path: Path) -> Path:
    """Where the secrets of a run lie while it goes: in memory, named by the run's place.

    Raises:
        ConfigError: this machine has no file system in memory that is ours to use.
    """
    for base in _bases():
        if base.is_dir():
            return base / f"reprobox-{os.getuid()}" / _key(run_path.parent) / run_path.name
    raise ConfigError(
        "this machine has no file system in memory for secrets",
        why="Neither /dev/shm nor $XDG_RUNTIME_DIR is a tmpfs.",
        next_step="mount a tmpfs on /dev/shm, or run without `reprobox.secrets`",
    )


def _bases() -> list[Path]:
    memory = _in_memory()
    named = [Path("/dev/shm"), *([Path(run)] if (run := os.environ.get("XDG_RUNTIME_DIR")) else [])]  # noqa: S108 - checked below
    return [base for base in named if str(base) in memory]


def _in_memory() -> set[str]:
    """Mount points of file systems that have no disk (proc(5), /proc/self/mounts)."""
    try:
        lines = Path("/proc/self/mounts").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return set()
    return {fields[1] for line in lines if (fields := line.split())[2] in ("tmpfs", "ramfs")}


def _key(runs: Path) -> str:
    return hashlib.sha256(os.fsencode(os.path.realpath(runs))).hexdigest()[:16]


def place(run_path: Path, values: Mapping[str, bytes]) -> None:
    """Writes the values for a run, readable by this user only.

    Raises:
        ConfigError: the place belongs to another user, or a name is not that of a secret.
        StoreError: they could not be written.
    """
    for name in values:
        # It becomes the name of a file.
        _require(name, "env:ANY")
    target = folder(run_path)
    with layout.trouble("writing secrets to memory"):
        _make(target)
        for name, value in values.items():
            fd = os.open(
                target / name,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o400,
            )
            with os.fdopen(fd, "wb") as file:
                file.write(value)


def _make(target: Path) -> None:
    while True:
        try:
            for directory in (target.parent.parent, target.parent, target):
                directory.mkdir(mode=0o700, exist_ok=True)
                _require_ours(directory)
        except FileNotFoundError:  # a run that has just ended took the empty directory away
            continue
        return


def _require_ours(directory: Path) -> None:
    """Memory is shared with other users: a directory that was there before us may be a trap."""
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ConfigError(
            f"{directory} is not private to this user, so no secret is put there",
            next_step="look who made it, and remove it",
        )


def forget(run_path: Path) -> None:
    """Removes the secrets of a run; absent is fine."""
    for base in _bases():
        top = base / f"reprobox-{os.getuid()}" / _key(run_path.parent)
        if top.is_dir():
            with layout.trouble("removing secrets"):
                fd_trees.remove(top / run_path.name)
                _remove_empty(top)


def _remove_empty(top: Path) -> None:
    for directory in (top, top.parent):
        try:
            directory.rmdir()
        except OSError:
            return


def sweep(runs: Runs) -> None:
    """Removes the secrets of runs that have ended or are gone: their supervisor died before it
    could.
    """
    for base in _bases():
        top = base / f"reprobox-{os.getuid()}" / _key(runs.folder)
        for name in sorted(os.listdir(top)) if top.is_dir() else ():
            if not runs.has(name) or runs.finished(name):
                forget(runs.folder / name)
