"""What a lock answers: the environment section of the config and the bytes of every file that it
names.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from reprobox.errors import ConfigError
from reprobox.kit import canon
from reprobox.lock import asked, direct
from reprobox.lock.formats import requirements
from reprobox.model import codec
from reprobox.model.spec import Environment

_PROJECT = "pyproject.toml"


def is_file(entry: str, root: Path) -> bool:
    """Whether an entry of `requirements` means a file."""
    file = asked.parse(entry).file
    return file.endswith(asked.SUFFIXES) or (root / file).is_file()


def requirement_files(env: Environment, root: Path) -> dict[str, Path]:
    """Every requirement file, and the files these include, by the name as written (includes:
    relative to root).

    Raises:
        ConfigError: one is missing.
    """
    found: dict[str, Path] = {}
    for entry in env.requirements:
        if is_file(entry, root):
            file = asked.parse(entry).file
            _collect(file, root, named_by="the config", found=found)
            if file.endswith(".lock") and (root / file).with_name(_PROJECT).is_file():
                _also(Path(file).with_name(_PROJECT).as_posix(), entry, root, found)
        elif (place := direct.place_of(entry, root)) is not None:
            _project(place[0], entry, root, found)
        elif requirements.parse(entry) is None:
            raise ConfigError(
                f"requirements: {entry!r} is neither a file nor a requirement",
                next_step="write a requirement such as 'numpy>=2', `-e .` for the repository's own "
                "project, or the path of a requirements file relative to the config",
            )
    return found


def _also(name: str, entry: str, root: Path, found: dict[str, Path]) -> None:
    """The project of a lock, where it decides what is taken of the lock. An entry that could be
    written before extras and groups could be asked for keeps its digest.
    """
    if entry != asked.parse(entry).file:
        _collect(name, root, named_by=entry, found=found)


def _project(place: Path | str, named_by: str, root: Path, found: dict[str, Path]) -> None:
    """The files that say what a project of the repository needs, and which scripts it has."""
    for file in (_PROJECT, "setup.py", "setup.cfg"):
        if isinstance(place, Path) and (place / file).is_file():
            name = os.path.relpath(place / file, root)
            found.setdefault(name, place / file)


def _collect(name: str, root: Path, *, named_by: str, found: dict[str, Path]) -> None:
    path = root / name
    if name in found:
        return
    if not path.is_file():
        raise ConfigError(
            f"{name} does not exist",
            why=f"It is named by {named_by}.",
            next_step=f"create {path} or take it out of {named_by}",
        )
    found[name] = path
    if path.suffix in (".txt", ".in", ".pip"):
        for place in direct.places(path):
            _project(place, name, root, found)
        for include in requirements.includes(path.read_text("utf-8", "surrogateescape")):
            _collect((Path(name).parent / include).as_posix(), root, named_by=name, found=found)


def base_file(env: Environment, root: Path) -> Path | None:
    """The Dockerfile or archive of a base that is one.

    Raises:
        ConfigError: it is missing.
    """
    if env.base.kind not in ("dockerfile", "archive"):
        return None
    path = root / env.base.reference
    if not path.is_file():
        raise ConfigError(
            f"the {env.base.kind} of the base, {env.base.reference}, does not exist",
            next_step=f"create {path} or change the base",
        )
    return path


def digest(env: Environment, root: Path, lock_dir: Path | None = None) -> canon.Digest:
    """The digest that shows whether a lock is stale.

    Args:
        root: the directory of the config, which all names are relative to.
        lock_dir: the lock's directory: names are written relative to it, so that configs in several
            directories can have one lock.

    Raises:
        ConfigError: a file that the environment names is missing.
    """
    files = requirement_files(env, root)
    base = base_file(env, root)
    if lock_dir is not None:
        env = _from(env, root, lock_dir)
        files = {_relative(name, root, lock_dir): path for name, path in files.items()}
    return canon.digest_of(
        {
            "environment": codec.to_json(env),
            "files": {name: canon.digest_file(path) for name, path in files.items()},
            "base": canon.digest_file(base) if base else None,
        }
    )


def answers(found: str, env: Environment, root: Path, lock_dir: Path) -> bool:
    """Whether a lock's intent is that of an environment: by names from the lock's directory, or (as
    it was written first) by the names as the config has them.
    """
    return found in (digest(env, root, lock_dir), digest(env, root))


def _from(env: Environment, root: Path, lock_dir: Path) -> Environment:
    entries = tuple(
        _relative(entry, root, lock_dir) if is_file(entry, root) else entry
        for entry in env.requirements
    )
    base = env.base
    if base.kind in ("dockerfile", "archive"):
        base = replace(base, reference=_relative(base.reference, root, lock_dir))
    if base.kind == "dockerfile":
        base = replace(base, context=_relative(base.context, root, lock_dir))
    return replace(env, requirements=entries, base=base)


def _relative(name: str, root: Path, lock_dir: Path) -> str:
    if name.startswith("/") or os.path.samefile(root, lock_dir):
        return name
    return os.path.relpath(os.path.join(root, name), lock_dir)
