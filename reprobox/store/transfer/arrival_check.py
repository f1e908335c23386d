"""Whether a run that came from elsewhere is what its record says: nothing else in a card is
believed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reprobox.errors import BundleRefused, StoreDamaged
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.kit.text import shown
from reprobox.model import codec, record_fields
from reprobox.model.consistency import contradictions
from reprobox.model.image import ARCHIVE_MEMO
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Intent, Record
from reprobox.model.verdict import Verdict
from reprobox.store import annotation_log, image_addresses, layout, output_manifest
from reprobox.store.transfer import link_check
from reprobox.store.transfer.copy import Card, refused

Where = Callable[[str], Path]
"""The file that holds the bytes of a digest."""
_NOTHING = canon.digest_bytes(b"")
_LARGEST = 256 << 20
"""Bytes: documents above this are not read into memory."""

_STORED = regex(r"image/(base|apt/\d+|bytecode)/\d+/[0-9a-f]{64}")
"""Memos that hold the digest of a layer that was made by a container and is kept
(reprobox/image/layer.py, `memo_key`).
"""
_MEASURED = regex(r"image/layer/\d+/[0-9a-f]{64}")
"""Memos that hold digest and size of a layer that is written anew from wheels."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A run that may be published."""

    record: Record
    outputs: tuple[OutputFile, ...]
    with_outputs: bool
    """Whether the contents of the outputs are there too."""


def check(card: Card, where: Where, *, outside_links: bool = False) -> Checked:
    """Holds everything against the record.

    Raises:
        BundleRefused: something is not what the record says.
        NewerFormat: a document was written by a newer reprobox.
    """
    own = {member.name: member.digest for member in card.members}
    if own.get("record.json") != card.record:
        raise refused(f"the record of {card.id} is not the one that was announced")
    record = codec.decode(
        Record, _read(where, card.record), where=f"the record of {card.id}", error=BundleRefused
    )
    _check_record(card, record)
    _check_files(card, record, own, where)
    lines = _read(where, record.outputs.manifest)
    try:
        outputs = output_manifest.read_manifest(lines)
    except StoreDamaged as fault:
        raise refused(str(fault)) from fault
    check_outputs(card, record, outputs)
    with_outputs = {blob.digest for blob in card.of("outputs")} == {
        file.sha256 for file in outputs if file.kind != "dir"
    }
    if with_outputs:
        check_links(card, outputs, where, outside=outside_links)
    for member in card.members:
        folder, _, name = member.name.rpartition("/")
        if name and folder:
            check_numbered(card, folder, _read(where, member.digest))
    return Checked(record=record, outputs=outputs, with_outputs=with_outputs)


def _read(where: Where, digest: str) -> bytes:
    path = where(digest)
    with layout.trouble(f"reading {digest}"):
        try:
            if path.stat().st_size > _LARGEST:
                raise refused(f"a document is larger than {_LARGEST} bytes")
            return path.read_bytes()
        except FileNotFoundError as fault:
            raise refused(f"the document {digest} did not come") from fault


def _check_record(card: Card, record: Record) -> None:
    intent = record.intent
    announced = {
        "id": (card.id, record.id),
        "commit": (card.commit, intent.source.commit),
        "original": (card.replay_of, intent.replay_of),
    }
    wrong = {what: both for what, both in announced.items() if both[0] != both[1]} | contradictions(
        intent
    )
    for what, (said, found) in wrong.items():
        raise refused(f"the {what} of run {card.id} should be {said!r} and is {found!r}")
    if faults := record_fields.faults(intent):
        listed = "\n".join(f"  {name}: {fault}" for name, fault in sorted(faults.items()))
        raise refused(f"run {card.id} has fields that no run of reprobox has\n{listed}")
    travelling = {blob.digest for blob in card.of("inputs")}
    for pin in intent.runspec.inputs:
        # Every directory without files, and every empty file, of this host would match it.
        if not pin.tracked and pin.digest == _NOTHING and _NOTHING not in travelling:
            raise refused(
                f"the input {shown(pin.path)} of run {card.id} is empty and was not included"
            )


def facts(card: Card, image: str) -> dict[str, Any]:
    """The derived facts of a card that this project may remember: those about bytes that travel
    with it, for composing its image.

    Others are passed over, because a newer reprobox may derive more; and a fact of another kind
    (such as the digest of a file of this machine, which is remembered too) is not a stranger's to
    say.

    Args:
        image: config digest of the run's image.
    """
    bytes_of = {role: {blob.digest for blob in card.of(role)} for role in ("lock", "image")}
    kept = ARCHIVE_MEMO + canon.hex_of(image)

    def fits(key: str, value: Any) -> bool:
        if key == kept or _STORED.fullmatch(key):
            return isinstance(value, str) and value in bytes_of["image" if key == kept else "lock"]
        measured = isinstance(value, dict) and value.keys() == {"diff_id", "size"}
        return bool(
            _MEASURED.fullmatch(key)
            and measured
            and canon.is_digest(str(value["diff_id"]))
            and type(value["size"]) is int
        )

    return {key: value for key, value in card.memos.items() if fits(key, value)}


def files_of(record: Record) -> dict[str, str]:
    """The files of a run's directory that its record names, with their digests."""
    return {
        "outputs.jsonl": record.outputs.manifest,
        "stdout": record.stdout,
        "stderr": record.stderr,
        "config.yaml": record.intent.runspec.config_digest,
    }


def _check_files(card: Card, record: Record, own: dict[str, str], where: Where) -> None:
    empty = canon.digest_bytes(b"")
    for name, digest in files_of(record).items():
        if own.get(name, empty if name.startswith("std") else None) != digest:
            raise refused(f"{name} of run {card.id} is not what its record says")
    intent = codec.decode(
        Intent,
        _read(where, own.get("intent.json", empty)),
        where=f"the intent of {card.id}",
        error=BundleRefused,
    )
    if intent != record.intent:
        raise refused(f"the intent of run {card.id} is not the one in its record")


def check_outputs(card: Card, record: Record, outputs: Sequence[OutputFile]) -> None:
    """Raises BundleRefused when a run's outputs, or those that came, are not the record's."""
    contents = [file for file in outputs if file.kind != "dir"]
    if (len(outputs), sum(file.size for file in outputs)) != (
        record.outputs.files,
        record.outputs.size,
    ):
        raise refused(f"the outputs of run {card.id} are not as many as its record says")
    leaves = {os.fsencode(file.path) for file in outputs}
    for leaf in leaves:
        parts = leaf.split(b"/")
        if any(b"/".join(parts[:end]) in leaves for end in range(1, len(parts))):
            raise refused(
                f"run {card.id} has an output inside of something that is not a directory: {leaf!r}"
            )
    sizes = {file.sha256: file.size for file in contents}
    travelling = {blob.digest: blob.size for blob in card.of("outputs")}
    if travelling and travelling != sizes:
        raise refused(f"the outputs of run {card.id} that came are not the ones in its manifest")


def check_links(card: Card, outputs: Sequence[OutputFile], where: Where, *, outside: bool) -> None:
    """Raises BundleRefused when a link leads out of the outputs, and that was not allowed."""
    texts = {file.path: _link(card, file, where) for file in outputs if file.kind == "link"}
    for path, text in texts.items():
        if not outside and link_check.leads_out(path, texts):
            raise BundleRefused(
                f"run {card.id} has an output that is a link to somewhere else",
                why=f"{shown(path)} -> {shown(text)}",
                next_step="if you trust where it comes from: import with --outside-links",
            )


def _link(card: Card, file: OutputFile, where: Where) -> str:
    if file.size > link_check.LONGEST:
        raise refused(f"run {card.id} has a link of {file.size} bytes: {file.path}")
    data = _read(where, file.sha256)
    if not data or b"\0" in data:
        raise refused(f"run {card.id} has a link to nothing: {file.path}")
    return os.fsdecode(data)


def check_numbered(card: Card, folder: str, data: bytes) -> None:
    """Whether a verdict or a statement from elsewhere can be read.

    Raises:
        BundleRefused, NewerFormat: it cannot.
    """
    where = f"one of the {folder} of {card.id}"
    if folder == "verdicts":
        codec.decode(Verdict, data, where=where, error=BundleRefused)
        return
    if folder == image_addresses.FOLDER:
        image_addresses.decode(data, where=where, error=BundleRefused)
        return
    if folder == annotation_log.FOLDER:
        annotation_log.decode(data, where=where, error=BundleRefused)
        return
    try:
        canon.parse(data)
    except ValueError as fault:
        raise refused(f"{where} is not readable JSON: {fault}") from fault
