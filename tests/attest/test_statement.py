"""Statements: complete, the same each time, and valid for readers that are not ours."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from attest_world import MANIFEST, OUTPUTS, a_record, a_verdict, d

from reprobox.attest import cyclonedx_export, statement
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.outcome import OutputFile


def of(record: Any, outputs: Any = OUTPUTS) -> dict[str, Any]:
    return statement.provenance(record, codec.digest(record), outputs)


def test_subjects_are_the_record_and_every_output() -> None:
    record = a_record()
    names = {one["name"]: "sha256:" + one["digest"]["sha256"] for one in of(record)["subject"]}
    assert names == {
        "record.json": codec.digest(record),
        "outputs.jsonl": MANIFEST,
        "outputs/model.pt": d("one"),
        "outputs/results/metrics.json": d("two"),
    }


def test_many_outputs_are_one_subject() -> None:
    many = [
        OutputFile(path=f"{number:05d}", kind="file", size=1, mode=0o644, sha256=d(str(number)))
        for number in range(1001)
    ]
    assert len(of(a_record(), many[:1000])["subject"]) == 1002
    assert [one["name"] for one in of(a_record(), many)["subject"]] == [
        "record.json",
        "outputs.jsonl",
    ]


def test_a_name_that_is_not_text_is_covered_by_the_manifest() -> None:
    odd = OutputFile(path="a\udcff", kind="file", size=1, mode=0o644, sha256=d("x"))
    found = of(a_record(), [odd])
    assert [one["name"] for one in found["subject"]] == ["record.json", "outputs.jsonl"]
    json.dumps(found).encode("utf-8")


def test_everything_it_was_made_from_is_named() -> None:
    record = a_record()
    dependencies = {
        one["name"]: one
        for one in of(record)["predicate"]["buildDefinition"]["resolvedDependencies"]
    }
    assert dependencies["source"]["digest"] == {"gitCommit": "c" * 40, "gitTree": "e" * 40}
    expected = {
        "image config": "image",
        "image manifest": "image manifest",
        "lock": "lock",
        "config": "config",
        "injected runtime": "runtime",
        "/work/data.csv": "data",
        "numpy-2.0.0-cp311.whl": "numpy",
        "libc6.deb": "libc6",
        "git.deb": "git",
    }
    assert {
        name: one["digest"]["sha256"] for name, one in dependencies.items() if name != "source"
    } == {name: canon.hex_of(d(text)) for name, text in expected.items()}


@pytest.mark.parametrize(
    ("change", "mode"),
    [
        ({}, "local"),
        ({"network": "bridge"}, "local-network"),
        ({"writable_root": True}, "local-unhardened"),
        ({"capabilities": ("SYS_PTRACE",), "network": "bridge"}, "local-unhardened"),
    ],
)
def test_each_mode_of_isolation_is_another_builder(change: dict[str, Any], mode: str) -> None:
    record = a_record()
    changed = replace(
        record, intent=replace(record.intent, runspec=replace(record.intent.runspec, **change))
    )
    assert statement.builder(changed) == f"urn:reprobox:builder:{mode}:v1"


def test_the_same_record_gives_the_same_bytes() -> None:
    assert canon.canonical(of(a_record())) == canon.canonical(of(a_record()))
    assert cyclonedx_export.cyclonedx(a_record()) == cyclonedx_export.cyclonedx(a_record())


def test_the_in_toto_library_accepts_it() -> None:
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.statement import Statement

    found = of(a_record())
    parsed = json_format.ParseDict(found, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    predicate = json_format.ParseDict(found["predicate"], provenance_pb2.Provenance())
    assert predicate.build_definition.build_type == statement.BUILD_TYPE
    assert json_format.MessageToDict(parsed) == json.loads(json.dumps(found))


def test_a_confirmation_says_who_and_what() -> None:
    original = a_record()
    replay = a_record(
        "20261121-101010-calm-heron-00aa",
        replay_of=original.id,
        host={"name": "there", "user": "bo"},
    )
    verdict = a_verdict(original, replay)
    found = statement.confirmation(original, replay, codec.digest(replay), verdict)
    assert found["predicate"]["where"]["host"] == "there"
    assert found["predicate"]["checkedOn"] == "2026-11-20T15:53:20Z"
    assert found["subject"][0]["digest"]["sha256"] == canon.hex_of(codec.digest(original))
    with pytest.raises(ValueError, match="other runs"):
        statement.confirmation(replay, original, codec.digest(original), verdict)
