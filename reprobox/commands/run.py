"""run: config -> clean commit -> image -> RunSpec -> Record."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reprobox.commands import build
from reprobox.commands.shared import code_choice
from reprobox.commands.shared.code_choice import Choice, Code
from reprobox.config import grammar
from reprobox.context import Context
from reprobox.data.pins import Input, target_of
from reprobox.errors import (
    ConfigError,
    InputError,
    PreflightFailed,
    ProfileUnavailable,
    StoreDamaged,
    UsageError,
)
from reprobox.executor import container_spec, executors, journal, reconcile, run_home, secrets
from reprobox.executor.attach import Watcher
from reprobox.executor.base import Job
from reprobox.kit.text import shown
from reprobox.model import codec
from reprobox.model.image import Image
from reprobox.model.lock import Lock
from reprobox.model.record import Intent, Record
from reprobox.model.runspec import WORK, RunSpec
from reprobox.model.source import Source
from reprobox.model.spec import InputIntent, Spec
from reprobox.runtime import host, nccl, profiles, runtime_pack
from reprobox.source import commit_content
from reprobox.source.commit_paths import directories, holds_directory, read, tracked
from reprobox.version import __version__

if TYPE_CHECKING:
    from reprobox.commands.check import Checked

WORK_TREE = Choice()


def run(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    watcher: Watcher | None,
    *,
    gpus: str | None = None,
    name: str | None = None,
    tags: Sequence[str] = (),
    choice: Choice = WORK_TREE,
    preflight: int | None = None,
    run_id: str | None = None,
) -> Record | Intent:
    """Runs the commit's command in the lock's image and records everything.

    Args:
        watcher: follows the run to its end; None leaves it alone once it has started.
        choice: which code is run.
        preflight: so many first steps are run twice and compared before.
        run_id: a new id that the caller has noted; None makes one.

    Returns:
        the record; the intent where nobody watches.

    Raises:
        DirtyTree: with every reason, where the work tree is to run as its commit.
        PreflightFailed: the first steps differ, or could not be compared.
        ReproboxError: whatever else kept the experiment from starting. A failed experiment is no
            error: see the record.
    """
    reconcile.settle(context)
    intent, job = resolve(
        context,
        config,
        overrides,
        gpus=gpus,
        name=name,
        tags=tags,
        choice=choice,
        run_id=run_id,
    )
    if preflight:
        with _given_up(context, intent.id, choice.snapshot):
            _preflight(context, intent, job, preflight)
    if watcher is None:
        executors.of(context).submit(intent, job)
        return intent
    return executors.of(context).follow(intent, job, watcher)


def notebook_override(notebook: Path, config: Path) -> str:
    """The override by which a run executes a notebook and keeps it, with its outputs.

    Raises:
        UsageError: there is no such file.
    """
    if not notebook.is_file():
        raise UsageError(
            f"there is no notebook {shown(str(notebook))}",
            next_step="name a file: reprobox run --notebook n.ipynb",
        )
    inside = os.path.relpath(notebook.absolute(), config.absolute().parent)
    # Without times in the metadata of cells, so that the same notebook gives the same bytes.
    words = ["jupyter", "nbconvert", "--to", "notebook", "--execute"]
    options = ["--ExecutePreprocessor.record_timing=False", "--output-dir", "executed"]
    return f"++reprobox.command={json.dumps([*words, *options, inside])}"


def check(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    *,
    steps: int,
    limit: float,
    keep: bool = False,
    gpus: str | None = None,
    choice: Choice = WORK_TREE,
) -> Checked:
    """The first steps of what `run` would run, twice; see `preflight.check`. Raises as `run`,
    before anything is run.
    """
    from reprobox.commands import check as check_

    intent, job = resolve(context, config, overrides, gpus=gpus, name=None, tags=(), choice=choice)
    try:
        return check_.check(context, intent, job, steps=steps, limit=limit, keep=keep)
    finally:
        if choice.snapshot:
            journal.end(context, intent.id)  # the two runs keep their commit themselves


def _preflight(context: Context, intent: Intent, job: Job, steps: int) -> None:
    from reprobox.commands import check as check_

    found = check_.check(context, intent, job, steps=steps)
    if not found.same:
        raise PreflightFailed(
            "the preflight's two runs differ, so the run was not started"
            if found.result == "different"
            else "the preflight could not compare anything, so the run was not started",
            why="\n".join(f"  {shown(line)}" for line in check_.reasons(found)),
            next_step=f"see what differs: reprobox check --steps {steps}; or run it all the same, "
            "without --preflight",
        )
    context.progress.note("preflight: the same")


def refuse_name(name: str | None) -> None:
    """Raises UsageError for a name by which the run could not be told."""
    try:
        grammar.tellable("run" if name is None else name)
    except ValueError as fault:
        raise UsageError(f"no run can be named {shown(name or '')!r}", why=str(fault)) from fault


def resolve(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    *,
    gpus: str | None,
    name: str | None,
    tags: Sequence[str],
    choice: Choice,
    run_id: str | None = None,
) -> tuple[Intent, Job]:
    """Everything up to the start, pinned."""
    refuse_name(name)
    with code_choice.opened(context, config, overrides, choice) as code:
        found = code.spec
        spec = replace(
            found, gpus=gpus or found.gpus, name=name or found.name, tags=(*found.tags, *tags)
        )
        run_id = run_id or context.runs.new_id(context.clock())
        if choice.snapshot:
            journal.begin(context, run_id)
        return _pinned(context, spec, code, choice, run_id)


def _pinned(
    context: Context, spec: Spec, code: Code, choice: Choice, run_id: str
) -> tuple[Intent, Job]:
    with _given_up(context, run_id, choice.snapshot):
        source = code.source(context, choice, run_id)
        _require_workdir(context, spec, source)
        lock = code.lock(context)
        refuse_impossible(context, spec.profile, spec.gpus, lock)
        built = build.ensure_image(context, lock)
        return prepare(context, spec, source, lock, built, run_id)


@contextmanager
def _given_up(context: Context, run_id: str, snapshot: bool) -> Iterator[None]:
    """What fails in here leaves no note of a run and no commit of a snapshot."""
    try:
        yield
    except BaseException:
        if snapshot:
            journal.end(context, run_id)
        raise


def _require_workdir(context: Context, spec: Spec, source: Source) -> None:
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
        near = difflib.get_close_matches(
            spec.workdir, directories(context.repo, source.commit), n=1, cutoff=0.5
        )
        raise ConfigError(
            f"the workdir {shown(spec.workdir)} is no directory of the commit {source.commit[:12]}"
            + (f" (did you mean {shown(near[0])}?)" if near else ""),
            why="It is relative to the config's directory, and shown here relative to the top of "
            "the repository.",
            next_step="name a directory of the commit; git keeps none that is empty, so put a "
            "file into a new one and commit it",
        )


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


def _refuse_unknown_settings(runspec: RunSpec) -> None:
    if wrong := list(nccl.faults(runspec.env)):
        raise ConfigError(
            "NCCL would pass over a setting of this run",
            why="\n".join(wrong),
            next_step="correct `reprobox.env`",
        )


def prepare(
    context: Context, spec: Spec, source: Source, lock: Lock, built: build.Built, run_id: str
) -> tuple[Intent, Job]:
    """Pins what is left (inputs, runtime, config) and folds all into an intent."""
    objects, image = context.things, built.image
    config = _config_bytes(context, spec, source)
    inputs = tuple(_pin(context, spec, source, item) for item in spec.inputs)
    runspec = container_spec.runspec(
        spec,
        source,
        image=image.config,
        lock=objects.put_bytes(codec.encode(lock.without_image())),
        runtime=runtime_pack.put(runtime_pack.payload(), objects),
        config_digest=objects.put_bytes(config),
        inputs=tuple(one.pin for one in inputs),
        env=profiles.env(
            spec.profile,
            seed=spec.seed,
            threads=spec.threads,
            commit_time=source.commit_time,
            trail=spec.trail,
            also=spec.trail_also,
            python_path="" if "PYTHONPATH" in spec.env else _variable(image, "PYTHONPATH"),
            preload="" if "LD_PRELOAD" in spec.env else _variable(image, "LD_PRELOAD"),
            machine=host.machine(),
            random_addresses=spec.random_addresses,
        ),
    )
    _refuse_unknown_settings(runspec)
    intent = make_intent(
        context,
        run_id,
        runspec,
        source,
        replace(image, addresses=built.there.repo_digests),
        lock,
        spec,
    )
    return intent, Job(
        config=config,
        inputs=inputs,
        image=built.there.id,
        secrets=_secrets(context, spec, source, runspec),
    )


def _variable(image: Image, name: str) -> str:
    """A variable of the image."""
    found = [
        item.partition("=")[2]
        for item in image.settings.get("Env") or ()
        if item.startswith(f"{name}=")
    ]
    return str(found[-1]) if found else ""


def make_intent(
    context: Context,
    run_id: str,
    runspec: RunSpec,
    source: Source,
    image: Image,
    lock: Lock,
    spec: Spec,
) -> Intent:
    """The intent of a new run."""
    from reprobox.config.load import recordable

    return Intent(
        id=run_id,
        runspec=runspec,
        identity=codec.digest(runspec),
        source=source,
        image=image,
        lock=lock,
        config=recordable(spec.document),
        overrides=spec.overrides,
        origins=spec.origins,
        name=spec.name,
        tags=spec.tags,
        created=context.clock(),
        host=run_home.host_facts(),
        engine=run_home.engine_facts(context),
        container=f"reprobox-{run_id}",
        command=context.argv,
        reprobox=__version__,
    )


def _config_bytes(context: Context, spec: Spec, source: Source) -> bytes:
    """The config file as the script will see it: the commit's own bytes unless something was
    overridden.
    """
    return (
        read(context.repo, source.commit, spec.config_path)
        if spec.text is None
        else spec.text.encode()
    )


def _pin(context: Context, spec: Spec, source: Source, intent: InputIntent) -> Input:
    """An input with the bytes that will be mounted for it: the commit's where all of it is tracked,
    else those of this host, tracked files included.
    """
    from reprobox.data import pins

    place = _place_in_commit(context, source, intent)
    found = (
        pins.pin(
            intent,
            top=context.top,
            workdir=spec.workdir,
            objects=context.objects,
            progress=context.progress,
            keep=context.things,
        )
        if place is None
        else pins.of_commit(
            intent,
            commit_content.contents(context.repo, source.commit, place),
            top=context.top,
            workdir=spec.workdir,
            place=place,
        )
    )
    try:
        found.pin.source.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"the path of input {intent.path} is not UTF-8, and no engine can mount it",
            next_step="rename it, or mount it through a link",
        ) from error
    return found


def _place_in_commit(context: Context, source: Source, intent: InputIntent) -> str | None:
    """Where in the commit an input is; None where it lies outside of the repository, or holds
    anything that the commit does not have.
    """
    from reprobox.data import pins

    host, top = pins.place_of(intent, context.top), context.top.resolve()
    if host == top or not host.is_relative_to(top):
        return None
    place = os.fspath(host.relative_to(top))
    known = commit_content.names(context.repo, source.commit, place)
    if not known or (
        host.is_dir()
        and pins.holds_others(host, known | _checked_out(context, source, place), place)
    ):
        return None
    return place


def _checked_out(context: Context, source: Source, place: str) -> frozenset[str]:
    """What the work tree has there of another commit than the one that runs."""
    from reprobox.source.repo import head

    commit = head(context.repo)
    if commit == source.commit or source.snapshot:
        return frozenset()
    return commit_content.names(context.repo, commit, place)


def _secrets(context: Context, spec: Spec, source: Source, runspec: RunSpec) -> dict[str, bytes]:
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
                why="Whoever has the repository or the record has it too.",
                next_step="move it out of the repository, and consider it known",
            )
    if taken := sorted(spec.secrets.keys() & runspec.env.keys()):
        raise ConfigError(
            f"{', '.join(taken)}: both a secret and a variable of the run",
            next_step="rename the secret",
        )
    return secrets.read(spec.secrets, directory)


def secrets_again(context: Context, original: Record, *, trusted: bool) -> dict[str, bytes]:
    """The secrets of a recorded run, read again from where its config says; only their places were
    recorded.

    Args:
        trusted: read them also for a run that was made elsewhere.

    Raises:
        ConfigError: one cannot be had, or the record is somebody else's and `trusted` was not said.
        StoreDamaged: the record's config asks for others than its identity.
    """
    wanted = _recorded_secrets(original)
    if wanted and not trusted and context.runs.started(original.id) is None:
        raise ConfigError(
            f"run {original.id} came from elsewhere and asks for secrets of this machine",
            why="\n".join(
                f"  {shown(name)} from {shown(origin)}" for name, origin in sorted(wanted.items())
            ),
            next_step="look at what it runs (`reprobox show`); if you trust it: reprobox replay "
            "--secrets",
        )
    return secrets.read(wanted, context.top / Path(original.intent.runspec.config_path).parent)


def _recorded_secrets(original: Record) -> dict[str, str]:
    """Name to place. The record may be somebody else's, so its config may have any shape."""
    section = original.intent.config.get("reprobox")
    said = section.get("secrets") if isinstance(section, dict) else None
    wanted = (
        {str(name): str(origin) for name, origin in said.items()} if isinstance(said, dict) else {}
    )
    if sorted(wanted) != sorted(original.intent.runspec.secrets):
        raise StoreDamaged(
            f"the record of {original.id} contradicts itself, so it is not replayed",
            why=f"Its config asks for the secrets {sorted(wanted)}, its identity for "
            f"{sorted(original.intent.runspec.secrets)}.",
            next_step="ask whoever made it",
        )
    return wanted
