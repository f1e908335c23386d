"""attest: statements about a run, signed, kept next to it and sent with it; and who confirmed
a run so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from reprobox.attest import dsse, sshsig, statement, statement_check
from reprobox.attest import timestamp as timestamps
from reprobox.attest.exporters import EXPORTERS
from reprobox.attest.subject import Judged, Subject
from reprobox.commands.shared import policy
from reprobox.context import Context
from reprobox.errors import ReproboxError, SignatureRefused, UsageError
from reprobox.executor import reconcile
from reprobox.kit import canon, files
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.record import Record
from reprobox.model.verdict import Verdict
from reprobox.store.numbered_files import add_numbered, numbered
from reprobox.store.transfer import whole_file

FOLDER = "statements"


@dataclass(frozen=True, kw_only=True)
class Attested:
    """A statement that was made."""

    run: str
    """The run that it is kept with."""
    kind: str
    key: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """A signer's statement that they ran a record again, or made it."""

    kind: Literal["made", "replayed"]
    result: str
    """`identical` and so on; `recorded` for the run itself."""
    run: str
    """The replay's id."""
    when: str
    where: str
    """`user@host` as the statement says."""
    who: tuple[str, ...]
    """Names from the file of allowed signers; empty when none of the signatures is known to be
    anybody's.
    """
    keys: tuple[str, ...]
    trusted: bool
    notes: tuple[str, ...]
    """Why signatures do not count, or what could not be checked."""

    def as_json(self) -> dict[str, Any]:
        """Stable keys."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
        }


def attest(
    context: Context,
    reference: str,
    key: Path | None,
    *,
    form: str = "intoto",
    timestamp: str = "",
) -> list[Attested]:
    """Signs a statement of a run; with the provenance of a replay that ended the same, also the
    confirmation of its original.

    Args:
        form: a name in EXPORTERS whose form is a statement.
        timestamp: address of an RFC 3161 time stamp server, whose token is kept with each.

    Raises:
        UsageError: no key; the form cannot be signed, or the run has not what it needs.
        SignatureRefused: the key did not sign.
        ServerFailed: the server gave no time stamp.
    """
    run_id = reconcile.find(context, reference)
    exporter = EXPORTERS[form]
    if exporter.statement is None:
        raise UsageError(f"{form} is written to a file", next_step="name it: -o PATH")
    subject = _subject(context, run_id)
    chosen = key.expanduser() if key else signing_key(context)
    made = [_keep(context, run_id, exporter.statement(subject), chosen, timestamp)]
    if form == "intoto" and (found := _confirmable(context, subject.record, subject.digest)):
        original, verdict = found
        text = statement.confirmation(original, subject.record, subject.digest, verdict)
        made.append(_keep(context, original.id, text, chosen, timestamp))
    return made


def _subject(context: Context, run_id: str) -> Subject:
    record, digest = context.runs.record(run_id)
    return Subject(
        record=record,
        digest=digest,
        outputs=context.runs.outputs(run_id),
        directory=context.runs.path(run_id),
        record_bytes=context.runs.record_bytes(run_id),
        judged=_judged(context, record, digest),
    )


def _judged(context: Context, record: Record, digest: str) -> Judged | None:
    """The newest verdict that holds this run against another one that is here."""
    for verdict in reversed(context.runs.verdicts(record.id)):
        about = (verdict.right, verdict.right_record)
        if about == (record.id, digest) and context.runs.has(verdict.left):
            original, original_digest = context.runs.record(verdict.left)
            if original_digest == verdict.left_record:
                return Judged(original=original, verdict=verdict)
    return None


def _confirmable(context: Context, replay: Record, digest: str) -> tuple[Record, Verdict] | None:
    """The original and the verdict, where the replay ended the same, the original is here, and its
    injected runtime is one that could not have been made for the purpose.
    """
    original_id = replay.intent.replay_of
    if original_id is None or not context.runs.has(original_id):
        return None
    original, original_digest = context.runs.record(original_id)
    if policy.has_foreign_runtime(context, replay):
        return None
    for verdict in context.runs.verdicts(replay.id):
        about = (verdict.left, verdict.right, verdict.left_record, verdict.right_record)
        if verdict.same and about == (original.id, replay.id, original_digest, digest):
            return original, verdict
    return None


def _keep(
    context: Context, run_id: str, text: Mapping[str, Any], key: Path, server: str
) -> Attested:
    """Signs a statement and keeps it, once: the same statement by the same key, with a time stamp
    where one is asked for, is found again.
    """
    payload = canon.canonical(text)
    raw = sshsig.sign(dsse.pae(dsse.IN_TOTO, payload), key)
    name = sshsig.fingerprint(raw)
    path = _kept(context, run_id, payload, name, stamped=bool(server))
    if path is None:
        envelope = dsse.Envelope(
            payload_type=dsse.IN_TOTO,
            payload=payload,
            signatures=(dsse.Signature(key=name, raw=raw),),
            timestamps=(timestamps.stamp(raw, server),) if server else (),
        )
        path = add_numbered(context.runs.path(run_id), FOLDER, envelope.encode())
    return Attested(run=run_id, kind=str(text["predicateType"]), key=name, path=path)


def _kept(context: Context, run_id: str, payload: bytes, key: str, *, stamped: bool) -> Path | None:
    for path in numbered(context.runs.path(run_id), FOLDER):
        known = dsse.read(path.read_bytes())
        keys = {sshsig.fingerprint(one.raw) for one in known.signatures}
        if known.payload == payload and key in keys and (known.timestamps or not stamped):
            return path
    return None


def signing_key(context: Context) -> Path:
    """The user's key: git's `user.signingKey` where git signs with SSH, else the usual file.

    Raises:
        UsageError: there is none.
    """
    config = context.repo.config
    named = config.get("user.signingkey", "")
    if config.get("gpg.format") == "ssh" and named and not named.startswith(("key::", "ssh-")):
        return Path(named).expanduser()
    for name in ("id_ed25519", "id_ecdsa", "id_rsa"):
        if (path := Path.home() / ".ssh" / name).is_file():
            return path
    raise UsageError(
        "no SSH key to sign with was found",
        next_step="ssh-keygen -t ed25519 makes one; --key names another",
    )


def allowed_signers(context: Context) -> Path | None:
    """git's `gpg.ssh.allowedSignersFile`; None when it is not set."""
    named = context.repo.config.get("gpg.ssh.allowedsignersfile")
    return Path(named).expanduser() if named else None


def confirmations(context: Context, run_id: str, allowed: Path | None = None) -> list[Confirmation]:
    """Who signed that they made, or replayed, a run; each statement is checked to be about the run
    that is here.

    Args:
        allowed: file of allowed signers; without one no signer's name is known, and nothing is
            trusted.
    """
    record, digest = context.runs.record(run_id)
    found = (
        _confirmation(path.read_bytes(), record, digest, context, allowed)
        for path in numbered(context.runs.path(run_id), FOLDER)
    )
    return [one for one in found if one is not None]


def _confirmation(
    data: bytes, record: Record, digest: str, context: Context, allowed: Path | None
) -> Confirmation | None:
    """Who made or replayed a run, by a statement; None for one that says something else."""
    try:
        found = statement_check.read(data, allowed)
    except SignatureRefused as fault:
        return _unreadable(fault)
    if found.kind not in (statement.PROVENANCE, statement.VERDICT):
        return None
    wrong = tuple(
        statement_check.differences(
            found, digest, record.outputs.manifest, context.runs.outputs(record.id)
        )
    )
    said = found.predicate
    made = found.kind == statement.PROVENANCE
    place: Any = said.get("where") if isinstance(said.get("where"), dict) else {}
    host = record.intent.host if made else {"user": place.get("user"), "name": place.get("host")}
    return Confirmation(
        kind="made" if made else "replayed",
        result="recorded" if made else str(said.get("result", "")),
        run=record.id if made else str(said.get("replay", "")),
        when=statement.when(record.finished) if made else str(said.get("checkedOn", "")),
        where=f"{host.get('user')}@{host.get('name')}",
        who=tuple(signer.name for signer in found.signers),
        keys=found.keys,
        trusted=found.trusted and not wrong,
        notes=(*wrong, *found.refused, *found.unchecked),
    )


def _unreadable(fault: ReproboxError) -> Confirmation:
    note = fault.what + (f" ({fault.why})" if fault.why else "")
    return Confirmation(
        kind="made",
        result="",
        run="",
        when="",
        where="",
        who=(),
        keys=(),
        trusted=False,
        notes=(note,),
    )


def verify_statement(
    context: Context, path: Path, allowed: Path | None, authorities: Path | None = None
) -> Iterator[tuple[str, str]]:
    """Checks a statement's file against the run that it names, if that is here: (`right`, `wrong`
    or `not checked`; what).

    Args:
        authorities: certificates that a time stamp server's chain has to end in.

    Raises:
        SignatureRefused: it is not a signed statement.
    """
    data = files.read_bounded(path, 64 << 20)
    found = statement_check.read(data, allowed)
    yield from (("right", f"signed by {signer.name} ({signer.key})") for signer in found.signers)
    yield from (("wrong", note) for note in found.refused)
    yield from (("not checked", note) for note in found.unchecked)
    yield from _stamps(dsse.read(data), authorities)
    run_id = _about(context, found.subjects.get("record.json"))
    if run_id is None:
        yield "not checked", "record and outputs: no run here has this record"
        return
    record, digest = context.runs.record(run_id)
    wrong = list(
        statement_check.differences(
            found, digest, record.outputs.manifest, context.runs.outputs(run_id)
        )
    )
    yield from (("wrong", note) for note in wrong)
    if not wrong:
        yield "right", f"it is about run {run_id}: record and outputs.jsonl by digest"


def _stamps(envelope: dsse.Envelope, authorities: Path | None) -> Iterator[tuple[str, str]]:
    for answer in envelope.timestamps:
        said = timestamps.read(answer)
        if authorities is None:
            when = said.time if said else "no time"
            yield "not checked", f"time stamp of {when}: --timestamp-ca names no authorities"
            continue
        try:
            found = timestamps.check(envelope.signatures[0].raw, answer, authorities)
        except SignatureRefused as fault:
            yield "wrong", fault.what + (f" ({fault.why})" if fault.why else "")
        else:
            yield "right", f"signed before {found.time}, by its time stamp"


def _about(context: Context, digest: str | None) -> str | None:
    return next((row.id for row in context.runs.list() if digest and row.digest == digest), None)


def export_format(
    context: Context,
    reference: str,
    kind: str,
    target: Path,
    *,
    license_: str = "",
    force: bool = False,
) -> None:
    """Writes a run in a format of others.

    Args:
        kind: a name in EXPORTERS; a statement is written unsigned.
        force: replace a file; a directory is never replaced.

    Raises:
        UsageError: the library for it is missing, the target is there and is not to be replaced, or
            its directory is not there.
    """
    exporter = EXPORTERS[kind]
    if exporter.directory is None and not force:
        whole_file.refuse_taken(target)
    subject = replace(_subject(context, reconcile.find(context, reference)), license=license_)
    if exporter.directory is not None:
        exporter.directory(subject, target)
        return
    data = exporter.encode(subject)
    with whole_file.written(target, replace=force) as file:
        file.write(data)
