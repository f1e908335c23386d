"""push --image: sends images of runs to a registry, and keeps their addresses next to the runs."""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.commands.shared.recorded_parts import restore_image
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.executor import reconcile
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.model.image import Image
from reprobox.model.record import Record
from reprobox.store import image_addresses

_NAME = regex(
    r"([a-zA-Z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
)
"""`host:port/name:tag` (distribution's reference grammar), without a digest: that is the registry's
answer.
"""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """An image that a registry has now."""

    run: str
    image: str
    """Its config digest."""
    address: str
    """`host/name@sha256:...`."""


def push(context: Context, references: Sequence[str], target: str) -> list[Pushed]:
    """Sends the images of runs, each checked against its record before, and keeps the addresses
    with the runs.

    Args:
        target: `host/name`, with a tag or without; without one it is made of the image's digest, so
            that no image takes the tag of another.

    Raises:
        UsageError: the target is not a name of an image, or one tag for several images.
        RunNotFound, RunAmbiguous: for the references.
        ImageMissing, ImageMismatch: the image of a record cannot be had any more.
        EngineError: the registry cannot be reached or written to; a second push sends what is
            missing.
    """
    records = [
        context.runs.record(run_id)[0]
        for run_id in dict.fromkeys(reconcile.find_all(context, references))
    ]
    names = {record.intent.image.config: name(target, record.intent.image) for record in records}
    if len(set(names.values())) < len(names):
        raise UsageError(
            f"{target} names one image, and the runs have {len(names)}",
            next_step="leave the tag out",
        )
    sent: dict[str, str] = {}
    for record in records:
        config = record.intent.image.config
        if config not in sent:
            sent[config] = _send(context, record, names[config])
        image_addresses.note(context.runs, record.id, config, sent[config])
    return [
        Pushed(run=record.id, image=(config := record.intent.image.config), address=sent[config])
        for record in records
    ]


def name(target: str, image: Image) -> str:
    """What a registry is to call an image. Raises UsageError."""
    if not _NAME.fullmatch(target) or ".." in target:
        raise UsageError(
            f"{target!r} does not name an image in a registry",
            next_step="write it like registry.example/team/name",
        )
    tagged = ":" in target.rpartition("/")[2]
    return target if tagged else f"{target}:reprobox-{canon.hex_of(image.config)[:32]}"


def _send(context: Context, record: Record, tag: str) -> str:
    """Pushes under a name that the engine has only meanwhile."""
    reference, _ = restore_image(context, record.intent)
    before = context.engine.inspect(tag)
    if before is not None and before.id != reference:
        raise UsageError(
            f"the engine has another image {tag} ({before.id})",
            next_step="leave the tag out, or choose another",
        )
    context.progress.note(f"pushing the image of {record.id} as {tag}")
    context.engine.tag(reference, tag)
    try:
        return context.engine.push(tag)
    finally:
        if before is None:
            context.engine.remove_image(tag)
