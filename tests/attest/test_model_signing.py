"""The subject set of OpenSSF Model Signing, against digests that are made here by its own rule."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from attest_world import OUTPUTS, a_record, d

from reprobox.attest import model_signing
from reprobox.attest.subject import Subject
from reprobox.errors import UsageError
from reprobox.kit import canon
from reprobox.model.outcome import OutputFile

MORE = OutputFile(path="b/last.CKPT", kind="file", size=1, mode=0o644, sha256=d("ckpt"))
LINK = OutputFile(path="best.pt", kind="link", size=1, mode=0o777, sha256=d("link"))


def a_subject(outputs: tuple[OutputFile, ...]) -> Subject:
    return Subject(
        record=a_record(), digest=d("record"), outputs=outputs, directory=Path("/nowhere")
    )


def test_weights_are_named_in_order_under_one_root_digest() -> None:
    found = model_signing.statement(a_subject((*OUTPUTS, LINK, MORE)))
    resources = found["predicate"]["resources"]
    assert [one["name"] for one in resources] == ["b/last.CKPT", "model.pt"]
    root = hashlib.sha256()
    for one in resources:
        root.update(bytes.fromhex(one["digest"]))
    assert found["subject"][0]["digest"]["sha256"] == root.hexdigest()
    assert resources[1]["digest"] == canon.hex_of(d("one"))


def test_a_run_without_weights_is_refused() -> None:
    with pytest.raises(UsageError, match="no output with weights"):
        model_signing.statement(a_subject(OUTPUTS[1:]))


def test_a_statement_about_other_weights_is_said() -> None:
    predicate = model_signing.statement(a_subject(OUTPUTS))["predicate"]
    assert list(model_signing.differences(predicate, OUTPUTS)) == []
    [line] = model_signing.differences(predicate, OUTPUTS[1:])
    assert line.startswith("outputs/model.pt: the statement says ")
    assert line.endswith("the run has no such file")
    assert list(model_signing.differences({}, OUTPUTS)) == ["the statement names no resources"]
