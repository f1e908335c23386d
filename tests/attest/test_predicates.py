"""A verdict in in-toto's standard predicates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from attest_world import OUTPUTS, a_record, a_verdict

from reprobox.attest import predicates
from reprobox.attest.exporters import EXPORTERS, STATEMENTS
from reprobox.attest.subject import Judged, Subject
from reprobox.cli.attest import Form
from reprobox.errors import UsageError
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.claims import Checked
from reprobox.model.verdict import Class, FileState, FileVerdict, Verdict

FILES = (
    FileVerdict(path="a.json", state=FileState.IDENTICAL),
    FileVerdict(path="b.json", state=FileState.EQUAL_UNDER_RULE),
    FileVerdict(path="c.json", state=FileState.NOT_CHECKED),
)
CLAIM = Checked(name="accurate", text="a.json#$.x > 1", outcome="holds")


def a_subject(network: str = "none", **changes: object) -> Subject:
    original = a_record()
    replay = a_record("20261121-101010-calm-heron-00aa", network=network, replay_of=original.id)
    verdict: Verdict = replace(a_verdict(original, replay), **changes)  # type: ignore[arg-type]
    return Subject(
        record=replay,
        digest=codec.digest(replay),
        outputs=OUTPUTS,
        directory=Path("/nowhere"),
        judged=Judged(original=original, verdict=verdict),
    )


@pytest.mark.parametrize(
    ("result", "word"),
    [
        (Class.IDENTICAL, "PASSED"),
        (Class.EQUAL_UNDER_RULE, "WARNED"),
        (Class.NOT_CHECKED, "FAILED"),
        (Class.DIFFERENT, "FAILED"),
        (Class.CLAIMS_FAIL, "FAILED"),
    ],
)
def test_what_could_not_be_checked_never_passes(result: Class, word: str) -> None:
    found = predicates.test_result(a_subject(result=result))
    assert found["predicate"]["result"] == word


def test_each_output_and_claim_is_a_test() -> None:
    from google.protobuf import json_format
    from in_toto_attestation.predicates.test_result.v0 import test_result_pb2

    subject = a_subject(files=FILES, claims=(CLAIM,), exit_equal=True)
    found = predicates.test_result(subject)
    said = found["predicate"]
    assert said["passedTests"] == ["outputs/a.json", "how the program ended", "claim: accurate"]
    assert (said["warnedTests"], said["failedTests"]) == (["outputs/b.json"], ["outputs/c.json"])
    json_format.ParseDict(said, test_result_pb2.TestResult())
    assert subject.judged is not None
    original = codec.digest(subject.judged.original)
    assert found["subject"][0]["digest"]["sha256"] == canon.hex_of(original)


def test_a_verification_result_holds_only_what_was_verified() -> None:
    found = predicates.verification(a_subject(claims=(CLAIM,)))["predicate"]
    assert found["properties"] == [
        "REPROBOX_REPLAY_IDENTICAL",
        "REPROBOX_CLAIMS_HOLD",
        "REPROBOX_REPLAY_HERMETIC",
    ]
    assert found["timeCreated"] == "2026-11-20T15:53:20Z"
    online = predicates.verification(a_subject(network="bridge"))["predicate"]
    assert online["properties"] == ["REPROBOX_REPLAY_IDENTICAL"]
    failing = replace(CLAIM, outcome="fails")
    beside = predicates.verification(a_subject(claims=(failing,)))["predicate"]
    assert "REPROBOX_CLAIMS_HOLD" not in beside["properties"]
    for result in (Class.DIFFERENT, Class.NOT_CHECKED, Class.CLAIMS_FAIL):
        with pytest.raises(UsageError, match="only what was verified"):
            predicates.verification(a_subject(result=result))


def test_a_run_without_a_verdict_is_refused_by_each_form_that_needs_one() -> None:
    bare = replace(a_subject(), judged=None)
    for name in ("verdict", "test-result", "svr"):
        with pytest.raises(UsageError, match="has no verdict"):
            EXPORTERS[name].encode(bare)


def test_the_command_offers_every_exporter_and_each_statement_is_read_again() -> None:
    assert [form.value for form in Form] == list(EXPORTERS)
    made = {
        one.statement(a_subject())["predicateType"] for one in EXPORTERS.values() if one.statement
    }
    assert made == set(STATEMENTS)
