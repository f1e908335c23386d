"""Whether a statement is about a run, and who says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from attest_world import MANIFEST, OUTPUTS, a_key, a_record, allow, d, signed

from reprobox.attest import dsse, sshsig, statement, statement_check
from reprobox.errors import SignatureRefused
from reprobox.kit import canon
from reprobox.model import codec


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return a_key(tmp_path)


def test_without_allowed_signers_it_is_said_that_nothing_was_checked(key: Path) -> None:
    found = statement_check.read(signed(key), None)
    assert not found.trusted
    assert "no file of allowed signers" in found.unchecked[0]


def test_an_allowed_signers_file_that_is_gone(tmp_path: Path, key: Path) -> None:
    assert not statement_check.read(signed(key), tmp_path / "nowhere").trusted


def test_one_good_signature_of_two_is_enough_and_the_other_is_told(
    tmp_path: Path, key: Path
) -> None:
    other = a_key(tmp_path, "other")
    one, two = dsse.read(signed(key)), dsse.read(signed(other))
    both = dsse.Envelope(
        payload_type=one.payload_type,
        payload=one.payload,
        signatures=(*two.signatures, *one.signatures),
    )
    found = statement_check.read(both.encode(), allow(tmp_path, ("ann", "", key)))
    assert [signer.name for signer in found.signers] == ["ann"]
    assert len(found.refused) == 1


def test_another_payload_type_is_refused(key: Path) -> None:
    with pytest.raises(SignatureRefused, match="not an in-toto statement"):
        statement_check.read(signed(key, "text/plain"), None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 5000,
        b'{"payloadType": 1, "payload": "", "signatures": []}',
        b'{"payloadType": "application/vnd.in-toto+json", "payload": "?", "signatures": []}',
        b'{"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": []}',
        (
            b'{"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": '
            b'[{"sig": "AAAA"}]}'
        ),
        (
            b'{"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": '
            b'[{"sig": 5}]}'
        ),
        b'{"payload": "e30=", "payload": "e30=", "payloadType": "x", "signatures": []}',
    ],
)
def test_what_is_no_statement_is_refused(data: bytes) -> None:
    with pytest.raises(SignatureRefused):
        statement_check.read(data, None)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {
            "_type": "https://in-toto.io/Statement/v2",
            "predicateType": statement.PROVENANCE,
            "subject": [],
            "predicate": {},
        },
        {"_type": statement.STATEMENT, "predicateType": "x", "subject": [], "predicate": {}},
        {
            "_type": statement.STATEMENT,
            "predicateType": statement.VERDICT,
            "subject": [],
            "predicate": {},
        },
        {
            "_type": statement.STATEMENT,
            "predicateType": statement.VERDICT,
            "subject": [{"name": "a", "digest": {"sha256": "x"}}],
            "predicate": {},
        },
        {
            "_type": statement.STATEMENT,
            "predicateType": statement.VERDICT,
            "subject": 5,
            "predicate": {},
        },
    ],
)
def test_a_payload_that_is_not_understood_is_refused(key: Path, payload: object) -> None:
    data = canon.canonical(payload)
    raw = sshsig.sign(dsse.pae(dsse.IN_TOTO, data), key)
    envelope = dsse.Envelope(
        payload_type=dsse.IN_TOTO, payload=data, signatures=(dsse.Signature(key="", raw=raw),)
    )
    with pytest.raises(SignatureRefused, match="not supported"):
        statement_check.read(envelope.encode(), None)


def test_a_statement_about_another_run_is_told_apart(key: Path) -> None:
    record = a_record()
    found = statement_check.read(signed(key), None)
    assert list(statement_check.differences(found, codec.digest(record), MANIFEST, OUTPUTS)) == []
    assert (
        len(list(statement_check.differences(found, d("another record"), MANIFEST, OUTPUTS))) == 1
    )
    assert (
        len(list(statement_check.differences(found, codec.digest(record), MANIFEST, OUTPUTS[1:])))
        == 1
    )
