"""Signatures: made and checked with stock tools, and refused for every reason there is."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from pathlib import Path

import pytest
from attest_world import MANIFEST, OUTPUTS, a_key, a_record, allow, d

from reprobox.attest import dsse, sshsig, statement, statement_check
from reprobox.errors import SignatureRefused, UsageError
from reprobox.kit import canon
from reprobox.model import codec


def signed(key: Path, payload_type: str = dsse.IN_TOTO) -> bytes:
    record = a_record()
    payload = canon.canonical(statement.provenance(record, codec.digest(record), OUTPUTS))
    raw = sshsig.sign(dsse.pae(payload_type, payload), key)
    return dsse.Envelope(
        payload_type=payload_type,
        payload=payload,
        signatures=(dsse.Signature(key=sshsig.fingerprint(raw), raw=raw),),
    ).encode()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return a_key(tmp_path)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_what_is_signed_is_accepted(tmp_path: Path, kind: str) -> None:
    key = a_key(tmp_path, kind, kind)
    found = statement_check.read(signed(key), allow(tmp_path, ("ann@example.invalid", "", key)))
    said = subprocess.run(
        ["ssh-keygen", "-lf", str(key)], capture_output=True, text=True, check=True
    ).stdout
    assert [(one.name, one.key) for one in found.signers] == [
        ("ann@example.invalid", said.split()[1])
    ]
    assert found.trusted


def test_stock_tools_alone_can_check_it(tmp_path: Path, key: Path) -> None:
    """As docs/sharing.md describes it, without reprobox."""
    envelope = json.loads(signed(key))
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    message = (
        b"DSSEv1 "
        + str(len(kind)).encode()
        + b" "
        + kind
        + b" "
        + str(len(payload)).encode()
        + b" "
        + payload
    )
    body = envelope["signatures"][0]["sig"]
    (tmp_path / "sig").write_text(
        f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"
    )
    argv = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        str(allow(tmp_path, ("ann", "", key))),
        "-I",
        "ann",
        "-n",
        "reprobox-run-v1",
    ]
    assert (
        subprocess.run(
            [*argv, "-s", str(tmp_path / "sig")], input=message, capture_output=True, check=False
        ).returncode
        == 0
    )


def test_another_library_reads_the_same_bytes_to_be_signed(key: Path) -> None:
    from securesystemslib.dsse import Envelope

    data = signed(key)
    theirs = Envelope.from_dict(json.loads(data) | {"signatures": []})
    assert theirs.pae() == dsse.read(data).signed


def test_every_changed_byte_of_the_payload_and_the_signature_is_found(
    tmp_path: Path, key: Path
) -> None:
    allowed = allow(tmp_path, ("ann", "", key))
    envelope = dsse.read(signed(key))
    (one,) = envelope.signatures
    rng = random.Random(1)
    for position in rng.sample(range(len(envelope.payload)), 15):
        changed = bytearray(envelope.payload)
        changed[position] ^= 1
        with pytest.raises(SignatureRefused):
            sshsig.verify(dsse.pae(envelope.payload_type, bytes(changed)), one.raw, allowed)
    for position in rng.sample(range(len(one.raw)), 25):
        raw = bytearray(one.raw)
        raw[position] ^= 1
        with pytest.raises(SignatureRefused):
            sshsig.verify(envelope.signed, bytes(raw), allowed)


def test_a_wrong_key_is_refused(tmp_path: Path, key: Path) -> None:
    found = statement_check.read(
        signed(key), allow(tmp_path, ("ann", "", a_key(tmp_path, "other")))
    )
    assert not found.trusted
    assert "not listed" in found.refused[0]
    assert not found.signers


@pytest.mark.parametrize(
    "options",
    [
        'valid-before="20200101"',
        'valid-after="20990101"',
        'namespaces="git"',
        'namespaces="file,git"',
    ],
)
def test_an_entry_that_does_not_hold_now_or_here_is_refused(
    tmp_path: Path, key: Path, options: str
) -> None:
    found = statement_check.read(signed(key), allow(tmp_path, ("ann", options, key)))
    assert not found.trusted
    assert "not as valid now" in found.refused[0]


def test_entries_that_hold_are_accepted(tmp_path: Path, key: Path) -> None:
    options = 'valid-after="20200101",valid-before="20990101",namespaces="reprobox-run-v1"'
    assert statement_check.read(
        signed(key), allow(tmp_path, ("ann,*@example.invalid", options, key))
    ).trusted


def test_the_second_entry_of_a_key_counts_where_the_first_has_expired(
    tmp_path: Path, key: Path
) -> None:
    found = statement_check.read(
        signed(key), allow(tmp_path, ("ann", 'valid-before="20200101"', key), ("ann2", "", key))
    )
    assert [one.name for one in found.signers] == ["ann2"]


def test_a_signature_for_another_purpose_is_refused(tmp_path: Path, key: Path) -> None:
    envelope = dsse.read(signed(key))
    (tmp_path / "m").write_bytes(envelope.signed)
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "git", str(tmp_path / "m")],
        check=True,
        capture_output=True,
    )
    raw = sshsig.unarmor((tmp_path / "m.sig").read_bytes())
    with pytest.raises(SignatureRefused, match="another purpose"):
        sshsig.verify(envelope.signed, raw, allow(tmp_path, ("ann", "", key)))


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


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no key"):
        sshsig.sign(b"x", tmp_path / "nowhere")


def test_a_key_that_cannot_sign(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("not a key")
    with pytest.raises(SignatureRefused, match="did not sign"):
        sshsig.sign(b"x", tmp_path / "junk")
