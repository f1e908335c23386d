"""replay: a record -> the same RunSpec again -> a verdict. Today's config, HEAD and lock are not consulted (DESIGN rule 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reprobox.errors import FetchError, InputError
from reprobox.flow import carried, code, compare, execute, run
from reprobox.flow.box import Box
from reprobox.flow.watch import Watcher
from reprobox.model.record import Intent, Record
from reprobox.model.runspec import InputPin
from reprobox.model.verdict import Verdict
from reprobox.source import refs
from reprobox.version import __version__


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a replay made."""

    original: Record
    record: Record
    verdict: Verdict
    image_tier: str
    """Where the image came from: `local`, `registry`, `archive`, `composed`."""


def replay(
    box: Box, reference: str, watcher: Watcher, *, name: str | None = None, gpus: str | None = None, secrets: bool = False
) -> Replayed:
    """Runs a recorded run again and compares.

    Args:
        gpus: other devices than recorded (`device=1` for `device=0`); what was asked stays in the identity.
        secrets: give this machine's secrets also to a run that came from elsewhere.

    Raises:
        RunNotFound, RunAmbiguous: for the reference.
        ImageMissing, ImageMismatch, InputError, SourceError: what the record names cannot be had any more.
    """
    run_id = box.runs.find(reference)
    original, digest = box.runs.record(run_id)
    asked = original.intent.runspec
    run.refuse_impossible(box, asked.profile, gpus or asked.gpus)
    given = run.secrets_again(box, original, trusted=secrets)
    inputs = find_inputs(box, asked.inputs)
    image, tier = restore_image(box, original)
    intent = _again(box, original, digest, name)
    config = box.things.path(asked.config_digest).read_bytes()
    job = execute.Job(config=config, inputs=inputs, image=image, secrets=given)
    refs.keep(code.holder(box, asked.commit), intent.id, asked.commit)
    record = execute.execute(box, intent, job, watcher)
    verdict = compare.compare(box, run_id, intent.id)
    box.runs.add_verdict(intent.id, verdict)
    return Replayed(original=original, record=record, verdict=verdict, image_tier=tier)


def _again(box: Box, original: Record, digest: str, name: str | None) -> Intent:
    """The intent of the replay: everything as recorded, but for who, when and where."""
    run_id = box.runs.new_id(box.clock())
    return replace(
        original.intent,
        id=run_id,
        name=name,
        tags=(),
        replay_of=original.id,
        parent_record=digest,
        created=box.clock(),
        host=run.here(),
        engine=box.engine.info(),
        container=f"reprobox-{run_id}",
        command=box.argv,
        reprobox=__version__,
    )


def restore_image(box: Box, original: Record) -> tuple[str, str]:
    """The recorded image, by its digest, from wherever it can be had; how the engine names it, and the tier."""
    from reprobox.image import restore
    from reprobox.lock import fetch

    lock = original.intent.lock
    try:
        image, tier = restore.restore(original.intent.image, lock, objects=box.things, engine=box.engine, progress=box.progress)
    except FetchError:
        # The last tier composes from bytes; those that are gone may still be had by hash from the user's own indexes.
        fetch.complete(lock, box.objects, box.progress, offline=False)
        image, tier = restore.restore(original.intent.image, lock, objects=box.things, engine=box.engine, progress=box.progress)
    return run.engine_reference(box, image), tier


def find_inputs(box: Box, pins: tuple[InputPin, ...]) -> Mapping[str, str]:
    """Where each recorded input is now: in the store if it came with the run, else at its recorded place if it is the same there.

    Raises:
        InputError: listing every input that is missing or changed.
    """
    from reprobox import inputs

    found: dict[str, str] = {}
    wrong: list[str] = []
    for pin in pins:
        if pin.tracked:
            continue
        if (kept := carried.find(box, pin)) is not None:
            found[pin.path] = str(kept)
        elif reason := inputs.check(pin, Path(pin.source), box.objects, box.progress):
            wrong.append(f"  {pin.path}: {reason}")
        else:
            found[pin.path] = pin.source
    if wrong:
        raise InputError(
            "inputs are not what the record names, so the replay was not started",
            why="\n".join(wrong),
            next_step="put the recorded bytes back, or import them with the run",
        )
    return found
