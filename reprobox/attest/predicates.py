"""A verdict in the standard predicates of in-toto, for policies that know these and not ours.

Sources: in-toto attestation framework, predicates Test Result v0.1 and Simple Verification Result
v0.1 (github.com/in-toto/attestation, spec/predicates).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reprobox.attest.statement import (
    MAX_SUBJECTS,
    STATEMENT,
    builder,
    descriptor,
    is_text,
    when,
)
from reprobox.attest.subject import Judged, Subject
from reprobox.errors import UsageError
from reprobox.model.verdict import Class, Verdict

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
VERIFICATION = "https://in-toto.io/attestation/svr/v0.1"
VERIFIER = "urn:reprobox:verifier:v1"
_PREFIX = "REPROBOX_"
_OUTCOMES = {
    Class.IDENTICAL: "PASSED",
    Class.RENAMED: "PASSED",
    Class.EQUAL_UNDER_RULE: "WARNED",
    Class.CLAIMS_HOLD: "WARNED",
}
"""All other classes are FAILED: the predicate has no word for what could not be checked, and a
policy must not let it pass.
"""
_PROPERTIES = {
    Class.IDENTICAL: "REPLAY_IDENTICAL",
    Class.RENAMED: "REPLAY_SAME_BYTES_RENAMED",
    Class.EQUAL_UNDER_RULE: "REPLAY_EQUAL_UNDER_RULE",
    Class.CLAIMS_HOLD: "CLAIMS_HOLD",
}


def test_result(subject: Subject) -> dict[str, Any]:
    """Each output, the way the program ended and each claim as a test.

    Raises:
        UsageError: the run has no verdict.
    """
    judged = subject.require_verdict()
    tests: dict[str, list[str]] = {"PASSED": [], "WARNED": [], "FAILED": []}
    for name, outcome in _tests(judged.verdict):
        tests[outcome].append(name)
    lists = {f"{word.lower()}Tests": names for word, names in tests.items()}
    if len(tests["PASSED"]) > MAX_SUBJECTS:
        del lists["passedTests"]
    replay = subject.record
    return _statement(
        judged,
        TEST_RESULT,
        {
            "result": _OUTCOMES.get(judged.verdict.result, "FAILED"),
            "configuration": [
                descriptor("config", judged.original.intent.runspec.config_digest),
                descriptor(
                    "record.json of the replay", subject.digest, annotations=_run(replay.id)
                ),
            ],
            **lists,
        },
    )


def _run(run_id: str) -> dict[str, str]:
    return {"run": run_id}


def _tests(verdict: Verdict) -> Iterator[tuple[str, str]]:
    for file in verdict.files:
        if is_text(file.path):
            yield f"outputs/{file.path}", _OUTCOMES.get(file.state.implies, "FAILED")
    yield "how the program ended", "PASSED" if verdict.exit_equal else "FAILED"
    for claim in verdict.claims:
        yield f"claim: {claim.name}", "PASSED" if claim.outcome == "holds" else "FAILED"


def verification(subject: Subject) -> dict[str, Any]:
    """What was verified; only what passed, because this predicate has no form for a failure.

    Raises:
        UsageError: the run has no verdict, or one that verifies nothing.
    """
    judged = subject.require_verdict()
    properties = [_PREFIX + name for name in _verified(subject, judged.verdict)]
    if not properties:
        raise UsageError(
            f"the verdict on run {subject.record.id} is {judged.verdict.result}, and a Simple "
            "Verification Result holds only what was verified",
            next_step=f"reprobox attest {subject.record.id} --format test-result -o result.json",
        )
    return _statement(
        judged,
        VERIFICATION,
        {
            "verifier": {
                "id": VERIFIER,
                "version": subject.record.intent.reprobox,
                "builder": builder(subject.record),
            },
            "timeCreated": when(judged.verdict.checked),
            "properties": properties,
        },
    )


def _verified(subject: Subject, verdict: Verdict) -> Iterator[str]:
    held = [claim.outcome == "holds" for claim in verdict.claims]
    if name := _PROPERTIES.get(verdict.result):
        yield name
        if held and all(held) and name != "CLAIMS_HOLD":
            yield "CLAIMS_HOLD"
        if builder(subject.record).endswith("builder:local:v1"):
            yield "REPLAY_HERMETIC"


def _statement(judged: Judged, kind: str, predicate: dict[str, Any]) -> dict[str, Any]:
    return {
        "_type": STATEMENT,
        "subject": [
            descriptor("record.json", judged.verdict.left_record),
            descriptor("outputs.jsonl", judged.original.outputs.manifest),
        ],
        "predicateType": kind,
        "predicate": predicate,
    }
