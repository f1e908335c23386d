"""What a record says, as an in-toto Statement v1 with SLSA provenance v1; and what a replay found,
as a statement of our own.

Sources: in-toto attestation framework spec v1 (statement, resource descriptor),
slsa.dev/spec/v1.0/provenance. What comes out is a function of its arguments, so the same record
gives the same bytes. A local run reaches SLSA Build L1; more is never claimed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reprobox.attest.subject import Subject
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.verdict import Verdict

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
VERDICT = "urn:reprobox:verdict:v1"
BUILD_TYPE = "urn:reprobox:run:v1"
MAX_SUBJECTS = 1000
"""Outputs above which their manifest is the subject instead."""
_NOT_EXTERNAL = (
    "format",
    "commit",
    "tree",
    "image",
    "lock",
    "runtime",
    "config_digest",
    "inputs",
    "argv",
    "config_path",
    "seed",
    "profile",
)


def provenance(record: Record, record_digest: str, outputs: Sequence[OutputFile]) -> dict[str, Any]:
    """The statement of a run: these outputs came from this commit, in this image, with these
    inputs.

    Args:
        record_digest: digest of the record's stored bytes.
        outputs: the run's output manifest.
    """
    return {
        "_type": STATEMENT,
        "subject": subjects(record, record_digest, outputs),
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": _definition(record),
            "runDetails": _details(record, record_digest),
        },
    }


def subjects(
    record: Record, record_digest: str, outputs: Sequence[OutputFile]
) -> list[dict[str, Any]]:
    """The record and every output by digest; above MAX_SUBJECTS, or with a name that is not UTF-8,
    the outputs' manifest.
    """
    files = [file for file in outputs if file.kind != "dir"]
    own = [
        descriptor("record.json", record_digest),
        descriptor("outputs.jsonl", record.outputs.manifest),
    ]
    if len(files) > MAX_SUBJECTS or not all(is_text(file.path) for file in files):
        return own
    return own + [descriptor(f"outputs/{file.path}", file.sha256) for file in files]


def is_text(path: str) -> bool:
    """Whether a path is UTF-8, as JSON documents of others demand."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def descriptor(name: str, digest: str, **more: Any) -> dict[str, Any]:
    """A resource descriptor; a name that is not UTF-8 with its stray bytes as escapes, because
    protobuf strings are UTF-8.
    """
    safe = os.fsencode(name).decode("utf-8", "backslashreplace")
    return {"name": safe, "digest": {"sha256": canon.hex_of(digest)}, **more}


def _definition(record: Record) -> dict[str, Any]:
    asked = record.intent.runspec
    spec = codec.to_json(asked)
    return {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "command": list(asked.argv),
            "config": asked.config_path,
            "overrides": list(record.intent.overrides),
            "seed": asked.seed,
            "profile": asked.profile,
        },
        "internalParameters": {
            key: value for key, value in spec.items() if key not in _NOT_EXTERNAL
        },
        "resolvedDependencies": list(_dependencies(record)),
    }


def _dependencies(record: Record) -> Iterator[dict[str, Any]]:
    intent, asked = record.intent, record.intent.runspec
    source = {
        "name": "source",
        "digest": {"gitCommit": intent.source.commit, "gitTree": intent.source.tree},
    }
    yield (
        {**source, "uri": f"git+{intent.source.remote}@{intent.source.commit}"}
        if intent.source.remote
        else source
    )
    yield descriptor("image config", intent.image.config)
    yield descriptor("image manifest", intent.image.manifest)
    yield descriptor("lock", asked.lock)
    yield descriptor("config", asked.config_digest)
    yield descriptor("injected runtime", asked.runtime)
    for pin in asked.inputs:
        yield descriptor(pin.path, pin.digest, annotations={"kind": f"input {pin.kind}"})
    for wheel in intent.lock.wheels:
        yield descriptor(wheel.filename, wheel.sha256, annotations={"kind": "wheel"})
        if wheel.built is not None:
            made_of = wheel.built.sdist
            yield descriptor(made_of.filename, made_of.sha256, annotations={"kind": "source"})
    for conda in intent.lock.conda:
        yield descriptor(conda.filename, conda.sha256, annotations={"kind": "conda"})
    if own := intent.lock.python.standalone:
        yield descriptor(own.filename, own.sha256, annotations={"kind": "interpreter"})
    for package in (*intent.lock.base.packages, *intent.lock.debs):
        yield descriptor(
            package.filename.rpartition("/")[2], package.sha256, annotations={"kind": "deb"}
        )


def _details(record: Record, record_digest: str) -> dict[str, Any]:
    engine = record.intent.engine
    versions = {
        name: str(engine[name])
        for name in ("name", "version", "runc", "containerd")
        if engine.get(name)
    }
    return {
        "builder": {
            "id": builder(record),
            "version": {
                "reprobox": record.intent.reprobox,
                **{f"engine {name}": value for name, value in versions.items()},
            },
        },
        "metadata": {
            "invocationId": record.id,
            "startedOn": when(record.started),
            "finishedOn": when(record.finished),
        },
        "byproducts": [
            descriptor("stdout", record.stdout),
            descriptor("stderr", record.stderr),
            descriptor(
                "record.json",
                record_digest,
                annotations={"exit": record.exit.code, "reason": record.exit.reason},
            ),
        ],
    }


def builder(record: Record) -> str:
    """A URI for each mode whose isolation differs, as SLSA demands of `builder.id`."""
    asked = record.intent.runspec
    if asked.writable_root or asked.capabilities:
        return "urn:reprobox:builder:local-unhardened:v1"
    return f"urn:reprobox:builder:{'local' if asked.network == 'none' else 'local-network'}:v1"


def of_verdict(subject: Subject) -> dict[str, Any]:
    """The verdict on a replay, whatever came out. Raises UsageError where there is none."""
    judged = subject.require_verdict()
    return confirmation(judged.original, subject.record, subject.digest, judged.verdict)


def when(seconds: float) -> str:
    """RFC 3339, in UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def confirmation(
    original: Record, replay: Record, replay_digest: str, verdict: Verdict
) -> dict[str, Any]:
    """The statement of a replay: who ran this record again, where, when, and what came out.

    Raises:
        ValueError: the verdict is not about these two.
    """
    if (verdict.left, verdict.right, verdict.right_record) != (
        original.id,
        replay.id,
        replay_digest,
    ):
        raise ValueError("the verdict is about other runs")
    return {
        "_type": STATEMENT,
        "subject": [
            descriptor("record.json", verdict.left_record),
            descriptor("outputs.jsonl", original.outputs.manifest),
        ],
        "predicateType": VERDICT,
        "predicate": {
            "result": verdict.result,
            "original": original.id,
            "replay": replay.id,
            "replayRecord": {"sha256": canon.hex_of(replay_digest)},
            "replayOutputs": {"sha256": canon.hex_of(replay.outputs.manifest)},
            "checkedOn": when(verdict.checked),
            "where": _where(replay.intent.host, replay),
            "causes": [cause.what for cause in verdict.causes],
        },
    }


def _where(host: Mapping[str, Any], replay: Record) -> dict[str, Any]:
    return {
        "host": str(host.get("name", "")),
        "user": str(host.get("user", "")),
        "builder": builder(replay),
        "reprobox": replay.intent.reprobox,
    }
