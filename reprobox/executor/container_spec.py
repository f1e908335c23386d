"""Pure: what was resolved -> the RunSpec, and the RunSpec -> the container to create."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from reprobox.engine import create_body, passwd
from reprobox.engine.caller import Caller
from reprobox.executor.base import Attempt
from reprobox.kit import units
from reprobox.model import presets
from reprobox.model.claims import Claim
from reprobox.model.outcome import Container, Mount
from reprobox.model.runspec import BOX, OUT, WORK, InputPin, RunSpec
from reprobox.model.source import Source
from reprobox.model.spec import Spec
from reprobox.runtime import profiles

LABEL_RUN = "dev.reprobox.run"
LABEL_STORE = "dev.reprobox.store"
LABEL_PROJECT = "dev.reprobox.project"
"""Of an attempt's container: the store that its run belongs to; LABEL_STORE is the attempt's."""
SECRETS = "/run/secrets"
REPOSITORY = "git"
"""In the run's directory: the repository that answers which commit this is."""


def runspec(
    spec: Spec,
    source: Source,
    *,
    image: str,
    lock: str,
    runtime: str,
    config_digest: str,
    inputs: tuple[InputPin, ...],
    env: Mapping[str, str],
) -> RunSpec:
    """Folds everything that may decide a bit into one value. `env` is the profile's environment;
    the config's own wins over it.
    """
    return RunSpec(
        argv=spec.command,
        workdir=os.path.normpath(spec.workdir),
        env=_merge(env, spec.env),
        commit=source.commit,
        tree=source.tree,
        config_path=spec.config_path,
        config_digest=config_digest,
        image=image,
        lock=lock,
        runtime=runtime,
        seed=spec.seed,
        profile=spec.profile,
        threads=spec.threads,
        trail=spec.trail,
        inputs=inputs,
        secrets=tuple(sorted(spec.secrets)),
        gpus=spec.gpus,
        resources=spec.resources,
        network=spec.network,
        writable_root=spec.writable_root,
        capabilities=tuple(sorted(spec.capabilities)),
        outputs=(*spec.outputs, *presets.expand(spec.rules)),
        claims=tuple(Claim(name=name, text=text) for name, text in spec.claims.items()),
        repository=True,
    )


def _merge(base: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    merged = {**base, **own}
    # What is injected comes first, or the profile would not reach the program.
    for name in ("PYTHONPATH", "LD_PRELOAD"):
        if base.get(name):
            merged[name] = ":".join(filter(None, (base[name], own.get(name))))
    return merged


def on_this_host(spec: RunSpec, gpus: str | None, attempt: Attempt | None) -> RunSpec:
    """What the container gets where it is not what was asked for: other devices, and no more than
    the job of a scheduler was given. The identity of the run is over what was asked for.
    """
    limits = spec.resources
    if attempt and attempt.cpus is not None:
        limits = replace(limits, cpus=min(attempt.cpus, limits.cpus or attempt.cpus))
    if attempt and attempt.memory is not None:
        asked = units.bytes_of(limits.memory) if limits.memory else attempt.memory
        limits = replace(limits, memory=str(min(attempt.memory, asked)))
    return replace(spec, gpus=gpus or spec.gpus, resources=limits)


def container(
    spec: RunSpec,
    *,
    name: str,
    store: str,
    image: str,
    python: str,
    run_dir: Path,
    inputs: Mapping[str, str],
    caller: Caller | None = None,
    secrets: Path | None = None,
    attempt: Attempt | None = None,
    cpuset: str | None = None,
) -> Container:
    """The container of a run.

    Args:
        image: how the engine knows the image (an ID).
        python: the image's interpreter, which runs the shim.
        run_dir: the run's directory on this host, with `work`, `box`, `out` and `etc` made ready.
        inputs: path in the container to path on this host.
        caller: the user that stands for the caller in it; None for the caller's own ID.
        secrets: the directory in memory that holds them; None when there are none.
    """
    limits, caller = spec.resources, caller or Caller(uid=os.getuid(), gid=os.getgid())
    return Container(
        image=image,
        argv=(
            python,
            "-I",
            "-S",
            f"{BOX}/shim.py",
            OUT,
            *((SECRETS,) if secrets else ()),
            "--",
            *spec.argv,
        ),
        name=name,
        labels={
            LABEL_RUN: name.removeprefix("reprobox-").partition(".")[0],
            LABEL_STORE: store,
            **({LABEL_PROJECT: attempt.project} if attempt else {}),
        },
        env=dict(sorted(spec.env.items())),
        workdir=os.path.normpath(f"{WORK}/{spec.workdir}"),
        user=caller.user,
        host_users=caller.host_users,
        mounts=_mounts(run_dir, inputs, secrets, repository=spec.repository),
        tmpfs=dict.fromkeys(
            ("/tmp", "/var/tmp", passwd.HOME),  # noqa: S108 - paths in the container
            create_body.tmpfs(limits.tmp_size),
        ),
        hostname=spec.hostname,
        network=spec.network,
        gpus=spec.gpus,
        cpus=limits.cpus,
        cpuset=cpuset,
        memory=units.bytes_of(limits.memory) if limits.memory else None,
        shm_size=units.bytes_of(limits.shm_size),
        pids=limits.pids,
        read_only=not spec.writable_root,
        capabilities=spec.capabilities,
        fixed_addresses=spec.env.get(profiles.ADDRESSES) == profiles.FIXED,
    )


def _mounts(
    run_dir: Path, inputs: Mapping[str, str], secrets: Path | None, *, repository: bool
) -> tuple[Mount, ...]:
    fixed = [
        Mount(source=str(run_dir / "work"), target=WORK, read_only=False),
        Mount(source=str(run_dir / "box"), target=BOX),
        Mount(source=str(run_dir / "out"), target=OUT, read_only=False),
        Mount(source=str(run_dir / "etc" / "passwd"), target="/etc/passwd"),
        Mount(source=str(run_dir / "etc" / "group"), target="/etc/group"),
    ]
    if repository:
        fixed.append(Mount(source=str(run_dir / REPOSITORY), target=f"{WORK}/.git"))
    if secrets:
        fixed.append(Mount(source=str(secrets), target=SECRETS))
    # Deeper targets after shallower ones: an input below /work is mounted onto the mounted work
    # tree.
    return (
        *fixed,
        *(Mount(source=source, target=target) for target, source in sorted(inputs.items())),
    )
