"""What a lock answers: the environment section of the config and the bytes of every file that it
names.
"""

from __future__ import annotations

from pathlib import Path

from reprobox.errors import ConfigError
from reprobox.kit import canon
from reprobox.lock.formats import requirements
from reprobox.model import codec
from reprobox.model.spec import Environment

_SUFFIXES = (".txt", ".in", ".pip", ".toml", ".lock")


def is_file(entry: str, root: Path) -> bool:
    """Whether an entry of `requirements` means a file. `requirements.txt` is a valid package name
    too, so the ending decides.
    """
    return entry.endswith(_SUFFIXES) or (root / entry).is_file()


def requirement_files(env: Environment, root: Path) -> dict[str, Path]:
    """Every requirement file, and the files these include, by the name as written (includes:
    relative to root).

    Raises:
        ConfigError: one is missing.
    """
    found: dict[str, Path] = {}
    for entry in env.requirements:
        if is_file(entry, root):
            _collect(entry, root, named_by="the config", found=found)
        elif requirements.parse(entry) is None:
            raise ConfigError(
                f"requirements: {entry!r} is neither a file nor a requirement",
                next_step="write a requirement such as 'numpy>=2', or the path of a requirements "
                "file relative to the config",
            )
    return found


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


def digest(env: Environment, root: Path) -> canon.Digest:
    """The digest that tells whether a lock is stale.

    Args:
        root: the directory of the config, which all names are relative to.

    Raises:
        ConfigError: a file that the environment names is missing.
    """
    files = {name: canon.digest_file(path) for name, path in requirement_files(env, root).items()}
    base = base_file(env, root)
    return canon.digest_of(
        {
            "environment": codec.to_json(env),
            "files": files,
            "base": canon.digest_file(base) if base else None,
        }
    )
