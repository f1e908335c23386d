"""replay: a record -> the same RunSpec again -> a verdict. Today's config, HEAD and lock are not
consulted (DESIGN rule 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reprobox.commands.shared import forecast as forecast_
from reprobox.commands.shared import policy as trust_
from reprobox.commands.shared import recorded_parts, refusals, run_secrets
from reprobox.context import Context
from reprobox.data.pins import Input
from reprobox.errors import StoreDamaged, UsageError
from reprobox.executor import executors, reconcile, run_home
from reprobox.executor.attach import Watcher
from reprobox.executor.base import Job
from reprobox.executor.trial_runs import RESUMED_FROM
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.model.consistency import contradictions
from reprobox.model.forecast import Forecast
from reprobox.model.record import Intent, Record
from reprobox.model.runspec import RunSpec
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
    executor.prepare()
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
    image, tier = recorded_parts.restore_image(context, original.intent)
    intent = _again(context, original, digest, replace(asked, env={**asked.env, **env}))
    config = recorded_parts.config_again(context, asked.config_digest)
    job = Job(config=config, inputs=inputs, image=image, secrets=given, gpus=gpus)
    return Ready(intent=replace(intent, name=name, tags=tags), job=job, image_tier=tier)


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


def find_inputs(context: Context, original: Record) -> tuple[Input, ...]:
    """Each recorded input where it is now. Of a run that was made here: at its recorded place,
    where it must be the same. Of one from elsewhere, or where nothing is at that place any more: in
    the store, if it came with a run; else below a project that was moved.

    Raises:
        InputError: listing every input that is missing or changed.
    """
    here = trust_.was_made_here(context, original)
    return recorded_parts.inputs_again(context, original.intent.runspec.inputs, here=here)
