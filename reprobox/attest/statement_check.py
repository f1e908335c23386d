"""Whether a statement is about a run that is here, and who says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reprobox.attest import dsse, exporters, model_signing, sshsig, statement
from reprobox.errors import SignatureRefused
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.outcome import OutputFile


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement whose envelope could be read."""

    kind: str
    """Its predicate's type."""
    subjects: Mapping[str, str]
    """Name to digest."""
    predicate: Mapping[str, Any]
    keys: tuple[str, ...]
    """Fingerprints of the keys that signed, as the signatures have them; who they belong to is
    another question.
    """
    signers: tuple[sshsig.Signer, ...] = ()
    """Those whose signature was checked and who are allowed signers."""
    refused: tuple[str, ...] = ()
    """Why other signatures do not count."""
    unchecked: tuple[str, ...] = ()
    """What could not be checked, and why."""

    @property
    def trusted(self) -> bool:
        """Whether a known signer signed it."""
        return bool(self.signers)


def read(data: bytes, allowed: Path | None) -> Statement:
    """Reads a signed statement and checks its signatures.

    Args:
        allowed: file of allowed signers; without one no signature can be checked, which is said.

    Raises:
        SignatureRefused: it is not a statement of a known kind, or is not signed.
    """
    envelope = dsse.read(data)
    if envelope.payload_type != dsse.IN_TOTO:
        raise SignatureRefused(
            f"the envelope holds {envelope.payload_type[:80]!r}, not an in-toto statement"
        )
    if not envelope.signatures:
        raise SignatureRefused("the statement is not signed")
    keys = tuple(sshsig.fingerprint(one.raw) for one in envelope.signatures)
    value = _payload(envelope.payload)
    signers, refused = _signers(envelope, allowed) if allowed else ((), ())
    unchecked = (
        ()
        if allowed
        else (
            (
                "signature: no file of allowed signers is known (git config "
                "gpg.ssh.allowedSignersFile, or --signers)"
            ),
        )
    )
    return Statement(
        kind=value["predicateType"],
        subjects={one["name"]: f"sha256:{one['digest']['sha256']}" for one in value["subject"]},
        predicate=value["predicate"],
        keys=keys,
        signers=tuple(signers),
        refused=tuple(refused),
        unchecked=unchecked,
    )


def _payload(data: bytes) -> dict[str, Any]:
    try:
        value = canon.parse(data)
        if (
            value["_type"] != statement.STATEMENT
            or value["predicateType"] not in exporters.STATEMENTS
        ):
            raise ValueError(
                f"type {value['_type']!r} with predicate {value['predicateType']!r} is not known "
                "here"
            )
        digests = [one["digest"]["sha256"] for one in value["subject"]]
        names = [one["name"] for one in value["subject"]]
        if (
            not names
            or len(set(names)) != len(names)
            or not all(canon.is_digest(f"sha256:{digest}") for digest in digests)
        ):
            raise ValueError("its subjects are not names with digests")
        if not isinstance(value["predicate"], dict):
            raise ValueError("it has no predicate")
    except (ValueError, KeyError, TypeError) as fault:
        raise SignatureRefused("this kind of statement is not supported", why=str(fault)) from fault
    return dict(value)


def _signers(envelope: dsse.Envelope, allowed: Path) -> tuple[list[sshsig.Signer], list[str]]:
    found, refused = [], []
    for one in envelope.signatures:
        try:
            found.append(sshsig.verify(envelope.signed, one.raw, allowed))
        except SignatureRefused as fault:
            refused.append(fault.what + (f" ({fault.why})" if fault.why else ""))
    return found, refused


def differences(
    found: Statement, record_digest: str, manifest: str, outputs: Sequence[OutputFile]
) -> Iterator[str]:
    """Where a statement is not about a run: its record, its manifest and its outputs, each by
    digest; nothing when it is.
    """
    if found.kind == model_signing.SIGNATURE:
        yield from model_signing.differences(found.predicate, outputs)
        return
    expected = {"record.json": record_digest, "outputs.jsonl": manifest}
    expected |= {f"outputs/{file.path}": file.sha256 for file in outputs if file.kind != "dir"}
    for name in ("record.json", "outputs.jsonl"):
        if name not in found.subjects:
            yield f"the statement does not name {name}"
    for name, digest in found.subjects.items():
        if name not in expected:
            yield f"the statement names {name}, which the run does not have"
        elif expected[name] != digest:
            yield f"{name}: the statement says {digest}, the run has {expected[name]}"
