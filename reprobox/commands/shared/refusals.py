"""What keeps a run or replay from starting, found before anything is recorded."""

from __future__ import annotations

from reprobox.config import grammar
from reprobox.context import Context
from reprobox.data.pins import target_of
from reprobox.errors import ConfigError, ProfileUnavailable, UsageError
from reprobox.kit.text import shown
from reprobox.model.lock import Lock
from reprobox.model.runspec import WORK, RunSpec
from reprobox.model.source import Source
from reprobox.model.spec import Spec
from reprobox.runtime import host, nccl, profiles
from reprobox.source.commit_paths import directories, holds_directory


def refuse_name(name: str | None) -> None:
    """Raises UsageError for a name that could be taken for a run id, `latest` or an override."""
    try:
        grammar.unambiguous("run" if name is None else name)
    except ValueError as fault:
        raise UsageError(
            f"no run can be named '{shown(name or '')}'",
            why=str(fault),
            next_step="reprobox ls",
        ) from fault


def refuse_impossible(
    context: Context, profile: str, gpus: str | None, lock: Lock | None = None
) -> None:
    """Stops before anything is recorded when this host cannot honour what is asked."""
    if why := profiles.refuse(profile, host.cpu_flags(), host.machine()):
        raise ProfileUnavailable(
            f"this host cannot honour the profile {profile}",
            why=why,
            next_step="choose another profile, or another machine",
        )
    if gpus:
        from reprobox.commands.shared import gpu_check

        gpu_check.refuse(context, gpus, lock)


def refuse_unknown_settings(runspec: RunSpec) -> None:
    if wrong := list(nccl.faults(runspec.env)):
        raise ConfigError(
            "NCCL would pass over a setting of this run",
            why="\n".join(wrong),
            next_step="correct `reprobox.env`",
        )


def require_workdir(context: Context, spec: Spec, source: Source) -> None:
    """Stops where the working directory is neither in the commit nor among the inputs: an empty one
    is never what was meant.
    """
    workdir = f"{WORK}/{spec.workdir}/"
    targets = [f"{target_of(item.path, spec.workdir)}/" for item in spec.inputs]
    if spec.workdir == "." or any(
        workdir.startswith(target) or target.startswith(workdir) for target in targets
    ):
        return
    if not holds_directory(context.repo, source.commit, spec.workdir):
        import difflib

        near = difflib.get_close_matches(
            spec.workdir, directories(context.repo, source.commit), n=1, cutoff=0.5
        )
        raise ConfigError(
            f"the workdir {shown(spec.workdir)} is not a directory of the commit "
            f"{source.commit[:12]}" + (f" (did you mean {shown(near[0])}?)" if near else ""),
            why="It is relative to the config's directory, and shown here relative to the top of "
            "the repository.",
            next_step="name a directory of the commit; git keeps none that is empty, so put a "
            "file into a new one and commit it",
        )
