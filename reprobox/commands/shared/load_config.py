"""The config file and the command line, resolved to a Spec."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from reprobox.context import Context
from reprobox.errors import ConfigError, NotARepository
from reprobox.kit import files
from reprobox.kit.text import shown
from reprobox.model.spec import Spec
from reprobox.runtime import profiles

_LONGEST = 16 << 20
"""Bytes of a config file; what is longer (or endless, as /dev/zero) is none."""


def load_spec(
    context: Context,
    config: Path,
    overrides: Sequence[str] = (),
    *,
    top: Path | None = None,
    file: Path | None = None,
) -> tuple[Spec, Path]:
    """The config file, resolved; and its absolute path. Paths in the Spec are relative to the top
    of the repository.

    Args:
        config: as the user named it.
        top: a directory that stands for the top of the repository.
        file: what is read instead of `config`, below `top`.

    Raises:
        ConfigError: missing, unreadable, or wrong.
    """
    from reprobox.config.load import load

    path = file or config.absolute()
    try:
        text = files.read_bounded(path, _LONGEST)
    except OSError as error:
        raise ConfigError(
            f"cannot read the config {config}",
            why=error.strerror or "",
            next_step=f"name a YAML file, or write one: reprobox init {shlex.quote(str(config))}",
        ) from error
    spec = load(
        text, config_path=_below_top(context, path, top), overrides=overrides, where=str(config)
    )
    _refuse_shadowed(spec, config)
    return spec, path


def _below_top(context: Context, config: Path, top: Path | None) -> str:
    """A config's path relative to the top; to `/` where no repository holds it, which lock and
    build do not need.
    """
    real = config.resolve()
    try:
        return real.relative_to((top or context.top).resolve()).as_posix()
    except (NotARepository, ValueError):
        return real.as_posix().lstrip("/")


def _refuse_shadowed(spec: Spec, config: Path) -> None:
    """A run's environment stands over the image's, so what an image alone says of these names no
    program would ever see.
    """
    given = profiles.env(
        spec.profile, seed=spec.seed, threads=spec.threads, commit_time=0, trail=spec.trail
    )
    image = spec.environment.image_env
    lost = [
        name
        for name in image
        if name in given
        and name != "PYTHONPATH"
        and name not in spec.env
        and image[name] != given[name]
    ]
    if lost:
        raise ConfigError(
            f"{shown(str(config))} gives the image variables that no run would see",
            why="\n".join(
                f"reprobox.environment.env.{name}: every run gets its own {name}"
                for name in sorted(lost)
            ),
            next_step=f"write {'it' if len(lost) == 1 else 'them'} below reprobox.env, which "
            "stands over what a run gets",
        )
