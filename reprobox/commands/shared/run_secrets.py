"""The secrets of a run, read where its config says; and those of a recorded run, read again."""

from __future__ import annotations

import os
from pathlib import Path

from reprobox.context import Context
from reprobox.errors import ConfigError, StoreDamaged
from reprobox.executor import secrets
from reprobox.kit.text import shown
from reprobox.model.record import Intent
from reprobox.model.runspec import RunSpec
from reprobox.model.source import Source
from reprobox.model.spec import Spec
from reprobox.source.commit_paths import tracked


def of_config(context: Context, spec: Spec, source: Source, runspec: RunSpec) -> dict[str, bytes]:
    """The values that the config asks for.

    Raises:
        ConfigError: one cannot be had, is part of the commit, or has the name of a variable that
            the run has anyway.
    """
    directory = context.top / Path(spec.config_path).parent
    for name, path in secrets.files(spec.secrets, directory):
        inside = os.path.relpath(path.resolve(), context.top.resolve())
        if not inside.startswith("../") and tracked(context.repo, source.commit, inside):
            raise ConfigError(
                f"secret {name} is part of the commit: {inside}",
                why="Anyone with the repository or the record has it too.",
                next_step="move it out of the repository, and consider it known",
            )
    if taken := sorted(spec.secrets.keys() & runspec.env.keys()):
        raise ConfigError(
            f"{', '.join(taken)}: both a secret and a variable of the run",
            next_step="rename the secret",
        )
    return secrets.read(spec.secrets, directory)


def again(context: Context, original: Intent, *, trusted: bool) -> dict[str, bytes]:
    """The secrets of a recorded run, read again from where its config says; only their places were
    recorded.

    Args:
        trusted: read them also for a run that was made elsewhere.

    Raises:
        ConfigError: one cannot be had, or the record is another user's and `trusted` was not given.
        StoreDamaged: the record's config asks for others than its identity.
    """
    wanted = _recorded(original)
    if wanted and not trusted and context.runs.started(original.id) is None:
        raise ConfigError(
            f"run {original.id} came from elsewhere and asks for secrets of this machine",
            why="\n".join(
                f"  {shown(name)} from {shown(origin)}" for name, origin in sorted(wanted.items())
            ),
            next_step="look at what it runs (`reprobox show`); if you trust it: reprobox replay "
            "--secrets",
        )
    return secrets.read(wanted, context.top / Path(original.runspec.config_path).parent)


def _recorded(original: Intent) -> dict[str, str]:
    """Name to place. The record may be another user's, so its config may have any shape."""
    section = original.config.get("reprobox")
    said = section.get("secrets") if isinstance(section, dict) else None
    wanted = (
        {str(name): str(origin) for name, origin in said.items()} if isinstance(said, dict) else {}
    )
    if sorted(wanted) != sorted(original.runspec.secrets):
        raise StoreDamaged(
            f"the record of {original.id} contradicts itself, so it is not replayed",
            why=f"Its config asks for the secrets {sorted(wanted)}, its identity for "
            f"{sorted(original.runspec.secrets)}.",
            next_step="ask its author",
        )
    return wanted
