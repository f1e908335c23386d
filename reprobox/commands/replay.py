"""replay: a record -> the same RunSpec again -> a verdict. Today's config, HEAD and lock are not
consulted (DESIGN rule 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reprobox.commands.shared import forecast as forecast_
from reprobox.commands.shared import input_transfer, moved_inputs, refusals, run_secrets
from reprobox.commands.shared import policy as trust_
from reprobox.context import Context
from reprobox.data.pins import Input
from reprobox.errors import InputError, StoreDamaged, UsageError
from reprobox.executor import executors, reconcile, run_home
from reprobox.executor.attach import Watcher
from reprobox.executor.base import Job
from reprobox.executor.trial_runs import RESUMED_FROM
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import shown
from reprobox.model import codec
from reprobox.model.consistency import contradictions
from reprobox.model.forecast import Forecast
from reprobox.model.lock import Lock
from reprobox.model.record import Intent, Record
from reprobox.model.runspec import InputPin, RunSpec
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import Verdict
from reprobox.version import __version__


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a replay made."""

    original: Record
    record: Record
    verdict: Verdict
    image_tier: str
    """Where the image came from: `local`, `registry`, `archive`, `composed`."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Everything that a recorded run needs to run again."""

    intent: Intent
    job: Job
    image_tier: str


def replay(
    context: Context,
    reference: str,
    watcher: Watcher,
    *,
    name: str | None = None,
    gpus: str | None = None,
    secrets: bool = False,
    trust: bool = False,
    trust_runtime: bool = False,
    as_recorded: bool = False,
    rules: Sequence[OutputRule] = (),
    on: str = executors.LOCAL,
    options: Sequence[str] = (),
) -> Replayed:
    """Runs a recorded run again and compares.

    Args:
        gpus: other devices than recorded (`device=1` for `device=0`); what was asked stays in the
            identity.
        secrets: give this machine's secrets also to a run that came from elsewhere.
        trust: let a run that came from elsewhere be less isolated than the default, as it was where
            it was made.
        trust_runtime: inject the runtime that an imported run brought, though no release
            of reprobox had it.
        as_recorded: set the recorded CPU dispatch class by the libraries' own knobs. They are part
            of the environment, so the replay has another identity than the original, which the
            verdict says.
        rules: of the comparison; they go before the recorded ones, which do not change.
        on: the executor. A scheduler is asked for the GPU model that was recorded.
        options: of its scheduler.

    Raises:
        RunNotFound, RunAmbiguous: for the reference.
        NotTrusted: it came from elsewhere and is less isolated than the default.
        ImageMissing, ImageMismatch, InputError, SourceError: what the record names cannot be had
            any more.
        ProfileUnavailable: this host cannot honour the profile, or cannot execute the recorded
            class's code.
        StoreDamaged: the record says one thing twice, and not alike.
    """
    run_id = reconcile.find(context, reference)
    original, digest = context.runs.record(run_id)
    executor = executors.of(context, on, options, gpu_model=_gpu_model(original))
    knobs = forecast_.knobs(original) if as_recorded else {}
    made = ready(
        context,
        original,
        digest,
        name=name,
        gpus=gpus,
        secrets=secrets,
        trust=trust,
        trust_runtime=trust_runtime,
        env=knobs,
    )
    if made.image_tier != "local":
        context.progress.note(f"the image was not in the engine; restored from: {made.image_tier}")
    context.soon += ("reprobox.commands.shared.comparison", "reprobox.judge.trail")
    expected = forecast_.forecast(original, as_recorded=as_recorded, gpus=gpus)
    context.progress.note(forecast_.sentence(expected))
    record = executor.follow(made.intent, made.job, watcher)
    from reprobox.commands.shared import comparison

    verdict = comparison.compare(context, run_id, record.id, rules=rules)
    verdict = _with_forecast(verdict, expected, _altered(record, original, knobs, gpus))
    context.runs.add_verdict(record.id, verdict)
    _keep_once(context, run_id, record.id)
    return Replayed(original=original, record=record, verdict=verdict, image_tier=made.image_tier)


def _gpu_model(original: Record) -> str:
    """The model of the GPUs that a run had; empty where it had none, or several."""
    found = {one.name or "" for one in original.observed.gpus or ()}
    return found.pop() if len(found) == 1 and original.intent.runspec.gpus else ""


def _keep_once(context: Context, original: str, replay: str) -> None:
    """The outputs that both have alike take room once."""
    from reprobox.store import shared_outputs

    shared_outputs.share(context.runs, original, replay)


def _with_forecast(verdict: Verdict, expected: Forecast, altered: tuple[str, ...]) -> Verdict:
    forecast, note = forecast_.judged(expected, verdict)
    return replace(verdict, forecast=forecast, notes=(*verdict.notes, *altered, note))


def _altered(
    record: Record, original: Record, knobs: Mapping[str, str], gpus: str | None
) -> tuple[str, ...]:
    """How this replay was not simply the recorded run again."""
    lines = []
    if knobs:
        text = " ".join(f"{key}={value}" for key, value in sorted(knobs.items()))
        lines.append(
            f"replayed as recorded, by {text}; so its identity is {record.intent.identity}, not "
            f"{original.intent.identity}"
        )
    if gpus:
        lines.append(
            f"on other devices than recorded: {gpus} for {original.intent.runspec.gpus or 'none'}"
        )
    return tuple(lines)


def ready(
    context: Context,
    original: Record,
    digest: str,
    *,
    env: Mapping[str, str],
    name: str | None = None,
    tags: tuple[str, ...] = (),
    gpus: str | None = None,
    secrets: bool = False,
    trust: bool = False,
    trust_runtime: bool = False,
) -> Ready:
    """Finds again what a record names and makes the intent of a run of it; arguments and errors as
    `replay`.

    Args:
        digest: of the record's stored bytes.
        env: variables that are set in addition.
    """
    refusals.refuse_name(name)
    asked = original.intent.runspec
    _require_agreement(original)
    _require_whole(original)
    trust_.require(context, original, trusted=trust, runtime=trust_runtime)
    refusals.refuse_impossible(context, asked.profile, gpus or asked.gpus, original.intent.lock)
    given = run_secrets.again(context, original.intent, trusted=secrets)
    inputs = find_inputs(context, original)
    image, tier = restore_image(context, original.intent)
    intent = _again(context, original, digest, replace(asked, env={**asked.env, **env}))
    config = config_again(context, asked.config_digest)
    job = Job(config=config, inputs=inputs, image=image, secrets=given, gpus=gpus)
    return Ready(intent=replace(intent, name=name, tags=tags), job=job, image_tier=tier)


def config_again(context: Context, digest: str) -> bytes:
    """The bytes of the config file as the recorded run saw it. Raises StoreDamaged where they are
    others by now.
    """
    data = context.all_objects.path(digest).read_bytes()
    if canon.digest_bytes(data) != digest:
        raise StoreDamaged(
            f"the stored config {digest} is not what was recorded, so the replay was not started",
            next_step="`reprobox fsck` names all damage; `reprobox pull --from PLACE` fetches "
            "a good copy",
        )
    return data


def _require_agreement(original: Record) -> None:
    """A record that came before this was asked of arriving ones may name one thing in its identity
    and another one next to it.
    """
    if wrong := contradictions(original.intent):
        raise StoreDamaged(
            f"the record of {original.id} contradicts itself, so it is not replayed",
            why="\n".join(
                f"  the {what} should be {said!r} and is {found!r}"
                for what, (said, found) in wrong.items()
            ),
            next_step="ask its author",
        )


def _require_whole(original: Record) -> None:
    """A run of `check --resume --keep` began with what another run had left in its work tree."""
    if other := original.intent.runspec.env.get(RESUMED_FROM):
        raise UsageError(
            f"run {original.id} continued from the checkpoint of run {other}, so it cannot be "
            "replayed by itself",
            next_step="`reprobox check --help` says how to make both again (--resume)",
        )


def _again(context: Context, original: Record, digest: str, asked: RunSpec) -> Intent:
    """The intent of the replay: everything as recorded, but for who, when and where."""
    run_id = context.runs.new_id(context.clock())
    return replace(
        original.intent,
        id=run_id,
        runspec=asked,
        identity=codec.digest(asked),
        replay_of=original.id,
        parent_record=digest,
        created=context.clock(),
        host=run_home.host_facts(),
        engine=run_home.engine_facts(context),
        container=f"reprobox-{run_id}",
        command=context.argv,
        reprobox=__version__,
    )


def restore_image(context: Context, intent: Intent) -> tuple[str, str]:
    """The recorded image, by its digest, from wherever it can be had. Its ID in the engine, so that
    no moved tag can slip in, and where it came from.
    """
    from reprobox.image import restore
    from reprobox.store import image_addresses

    lock = intent.lock
    there, tier = restore.restore(
        intent.image,
        lock,
        objects=context.all_objects,
        engine=context.engine,
        progress=context.progress,
        # Bytes that left the store may still be had by hash from the user's own indexes.
        complete=lambda: _complete(context, lock),
        # Images are pushed after their runs, so the record cannot know where to.
        known=lambda: image_addresses.known(context.runs, intent.image.config),
    )
    return there.id, tier


def _complete(context: Context, lock: Lock) -> None:
    from reprobox.commands.shared.wheel_maker import wheel_maker
    from reprobox.lock import fetch

    maker = wheel_maker(context, context.all_objects)
    fetch.complete(lock, context.all_objects, context.progress, maker=maker)


def find_inputs(context: Context, original: Record) -> tuple[Input, ...]:
    """Each recorded input where it is now. Of a run that was made here: at its recorded place,
    where it must be the same. Of one from elsewhere, or where nothing is at that place any more: in
    the store, if it came with a run; else below a project that was moved.

    Raises:
        InputError: listing every input that is missing or changed.
    """
    here = trust_.was_made_here(context, original)
    return inputs_again(context, original.intent.runspec.inputs, here=here)


def inputs_again(context: Context, pins: Sequence[InputPin], *, here: bool) -> tuple[Input, ...]:
    """Each pinned input where it is now; `here`: its recorded place is one of this machine. Raises
    as `find_inputs`.
    """
    found: list[Input] = []
    wrong: list[str] = []
    for pin in pins:
        try:
            found.append(_find_input(context, pin, here=here))
        except InputError as reason:
            wrong.append(f"  {shown(pin.path)}: {shown(reason.what)}")
    if wrong:
        raise InputError(
            "inputs are not what the record names, so the replay was not started",
            why="\n".join(wrong),
            next_step="put the recorded bytes back, or import them with the run",
        )
    return tuple(found)


def _find_input(context: Context, pin: InputPin, *, here: bool) -> Input:
    from reprobox.data import pins as pins_

    if pin.tracked:
        return Input(pin=pin, source=None)
    # The bytes may be in the store by chance, or from an export; what lies there now counts.
    at_its_place = here and Path(pin.source).exists()
    kept = None if at_its_place else input_transfer.find(context, pin)
    if kept is None:
        return moved_inputs.again(context, pin)
    return pins_.again(pin, kept, context.objects, context.progress, kept=context.all_objects)
