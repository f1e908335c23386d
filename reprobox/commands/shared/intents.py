"""From what the user asked for to the intent of a run: code, lock, image, inputs, all pinned."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from reprobox.commands import build
from reprobox.commands.shared import code_choice, pinned_inputs, refusals, run_secrets
from reprobox.commands.shared.code_choice import Choice, Code
from reprobox.context import Context
from reprobox.executor import container_spec, journal, run_home
from reprobox.executor.base import Job
from reprobox.model import codec
from reprobox.model.image import Image
from reprobox.model.lock import Lock
from reprobox.model.record import Intent
from reprobox.model.runspec import RunSpec
from reprobox.model.source import Source
from reprobox.model.spec import Spec
from reprobox.runtime import host, profiles, runtime_pack
from reprobox.source.commit_paths import read
from reprobox.version import __version__

T = TypeVar("T")


class Once:
    """What several runs have in common: each part is made for the first of them."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}
        self._kept: list[Lock] = []

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    def keep(self, lock: Lock) -> None:
        """Keeps a lock, so that no other one gets its `id`."""
        if not any(lock is one for one in self._kept):
            self._kept.append(lock)


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
    _, intent, job = resolve_spec(
        context,
        config,
        overrides,
        gpus=gpus,
        name=name,
        tags=tags,
        choice=choice,
        run_id=run_id,
    )
    return intent, job


def resolve_spec(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    *,
    gpus: str | None,
    name: str | None,
    tags: Sequence[str],
    choice: Choice,
    run_id: str | None = None,
) -> tuple[Spec, Intent, Job]:
    """The same, with the settings that a run does not need."""
    refusals.refuse_name(name)
    with code_choice.opened(context, config, overrides, choice) as code:
        found = code.spec
        spec = replace(
            found, gpus=gpus or found.gpus, name=name or found.name, tags=(*found.tags, *tags)
        )
        run_id = run_id or context.runs.new_id(context.clock())
        if choice.snapshot:
            journal.begin(context, run_id)
        return spec, *_pinned(context, spec, code, choice, run_id)


def resolve_all(
    context: Context,
    config: Path,
    asked: Sequence[tuple[str, Sequence[str]]],
    *,
    name: str | None,
    tags: Sequence[str],
    choice: Choice,
) -> list[tuple[Intent, Job]]:
    """As `resolve` for many runs of one commit: what they have in common is read once.

    Args:
        asked: the id and the overrides of each.
        choice: a commit, or the clean work tree.
    """
    refusals.refuse_name(name)
    once, made = Once(), []
    with code_choice.exported(context, config, choice) as tree:
        for run_id, overrides in asked:
            code = code_choice.code_of(context, config, overrides, tree)
            found = code.spec
            spec = replace(found, name=name or found.name, tags=(*found.tags, *tags))
            made.append(_pinned(context, spec, code, choice, run_id, once))
    return made


@contextmanager
def temporary(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    *,
    gpus: str | None,
    choice: Choice,
) -> Iterator[tuple[Spec, Intent, Job]]:
    """An intent of which no run is recorded: for trials, which keep their commit themselves, and
    for a shell. The commit of a snapshot is kept until the end of the block.

    Raises:
        as `run`, before anything is run.
    """
    spec, intent, job = resolve_spec(
        context, config, overrides, gpus=gpus, name=None, tags=(), choice=choice
    )
    try:
        yield spec, intent, job
    finally:
        if choice.snapshot:
            journal.end(context, intent.id)


def _pinned(
    context: Context,
    spec: Spec,
    code: Code,
    choice: Choice,
    run_id: str,
    once: Once | None = None,
) -> tuple[Intent, Job]:
    once = once or Once()
    with leaving_nothing(context, run_id, choice.snapshot):
        lock = code.lock(context)  # first: a new lock changes the work tree
        once.keep(lock)
        source = code.source(context, choice, run_id)
        refusals.require_workdir(context, spec, source)
        refusals.refuse_impossible(context, spec.profile, spec.gpus, lock)
        built = once(("image", id(lock)), lambda: build.ensure_image(context, lock))
        return prepare(context, spec, source, lock, built, run_id, once)


@contextmanager
def leaving_nothing(context: Context, run_id: str, snapshot: bool) -> Iterator[None]:
    """What fails in here leaves no note of a run and no commit of a snapshot."""
    try:
        yield
    except BaseException:
        if snapshot:
            journal.end(context, run_id)
        raise


def prepare(
    context: Context,
    spec: Spec,
    source: Source,
    lock: Lock,
    built: build.Built,
    run_id: str,
    once: Once | None = None,
) -> tuple[Intent, Job]:
    """Pins what is left (inputs, runtime, config) and folds all into an intent."""
    once = once or Once()
    objects, image = context.all_objects, built.image
    config = _config_bytes(context, spec, source)
    inputs = tuple(pinned_inputs.pin(context, spec, source, item) for item in spec.inputs)
    runspec = container_spec.runspec(
        spec,
        source,
        image=image.config,
        lock=once(
            ("lock", id(lock)), lambda: objects.put_bytes(codec.encode(lock.without_image()))
        ),
        runtime=once("runtime", lambda: runtime_pack.put(runtime_pack.payload(), objects)),
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
    refusals.refuse_unknown_settings(runspec)
    intent = make_intent(
        context,
        run_id,
        runspec,
        source,
        replace(image, addresses=built.there.repo_digests),
        lock,
        spec,
        once("engine", lambda: run_home.engine_facts(context)),
    )
    return intent, Job(
        config=config,
        inputs=inputs,
        image=built.there.id,
        secrets=run_secrets.of_config(context, spec, source, runspec),
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
    engine: dict[str, Any] | None = None,
) -> Intent:
    """The intent of a new run; `engine`: what it says of itself, where that is known."""
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
        engine=run_home.engine_facts(context) if engine is None else engine,
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
