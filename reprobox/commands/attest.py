"""attest: statements about a run, signed, kept beside it and sent along with it; and who confirmed
a run so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from reprobox.attest import dsse, sshsig, statement, statement_check
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
    """Somebody's statement that they ran a record again, or made it."""

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


def attest(context: Context, reference: str, key: Path | None) -> list[Attested]:
    """Signs the statement of a run; for a replay that ended identical, also the confirmation of its
    original.

    Raises:
        UsageError: no key.
        SignatureRefused: the key did not sign.
    """
    run_id = reconcile.find(context, reference)
    record, digest = context.runs.record(run_id)
    chosen = key.expanduser() if key else signing_key(context)
    made = [
        _keep(
            context,
            run_id,
            statement.provenance(record, digest, context.runs.outputs(run_id)),
            chosen,
        )
    ]
    if found := _confirmable(context, record, digest):
        original, verdict = found
        text = statement.confirmation(original, record, digest, verdict)
        made.append(_keep(context, original.id, text, chosen))
    return made


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


def _keep(context: Context, run_id: str, text: Mapping[str, Any], key: Path) -> Attested:
    """Signs a statement and keeps it, once: the same statement by the same key is found again."""
    payload = canon.canonical(text)
    raw = sshsig.sign(dsse.pae(dsse.IN_TOTO, payload), key)
    name = sshsig.fingerprint(raw)
    for path in numbered(context.runs.path(run_id), FOLDER):
        known = dsse.read(path.read_bytes())
        if known.payload == payload and name in {
            sshsig.fingerprint(one.raw) for one in known.signatures
        }:
            return Attested(run=run_id, kind=str(text["predicateType"]), key=name, path=path)
    envelope = dsse.Envelope(
        payload_type=dsse.IN_TOTO, payload=payload, signatures=(dsse.Signature(key=name, raw=raw),)
    )
    path = add_numbered(context.runs.path(run_id), FOLDER, envelope.encode())
    return Attested(run=run_id, kind=str(text["predicateType"]), key=name, path=path)


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
        "there is no SSH key to sign with",
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
        allowed: file of allowed signers; without one nobody's name is known, and nothing is
            trusted.
    """
    record, digest = context.runs.record(run_id)
    return [
        _confirmation(path.read_bytes(), record, digest, context, allowed)
        for path in numbered(context.runs.path(run_id), FOLDER)
    ]


def _confirmation(
    data: bytes, record: Record, digest: str, context: Context, allowed: Path | None
) -> Confirmation:
    try:
        found = statement_check.read(data, allowed)
    except SignatureRefused as fault:
        return _unreadable(fault)
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
    context: Context, path: Path, allowed: Path | None
) -> Iterator[tuple[str, str]]:
    """Checks a statement's file against the run that it names, if that is here: (`right`, `wrong`
    or `not checked`; what).

    Raises:
        SignatureRefused: it is no signed statement.
    """
    data = files.read_bounded(path, 64 << 20)
    found = statement_check.read(data, allowed)
    yield from (("right", f"signed by {signer.name} ({signer.key})") for signer in found.signers)
    yield from (("wrong", note) for note in found.refused)
    yield from (("not checked", note) for note in found.unchecked)
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
    """Writes a run in somebody else's format.

    Args:
        kind: `intoto` (the statement, unsigned), `cyclonedx`, or `crate` (an RO-Crate directory).
        force: replace a file; a directory is never replaced.

    Raises:
        UsageError: the library for it is missing, the target is there and is not to be replaced, or
            its directory is not there.
    """
    if kind != "crate" and not force:
        whole_file.refuse_taken(target)
    run_id = reconcile.find(context, reference)
    record, digest = context.runs.record(run_id)
    outputs = context.runs.outputs(run_id)
    if kind == "crate":
        from reprobox.attest import rocrate_export

        title = record.intent.name or f"reprobox run {run_id}"
        rocrate_export.write(
            record,
            outputs,
            context.runs.path(run_id),
            target,
            title=title,
            license_=license_ or "No licence was given.",
        )
        return
    if kind == "cyclonedx":
        from reprobox.attest import cyclonedx_export

        data = cyclonedx_export.cyclonedx(record)
    else:
        data = canon.canonical(statement.provenance(record, digest, outputs))
    with whole_file.written(target, replace=force) as file:
        file.write(data)
