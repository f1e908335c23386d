"""Signatures: made and checked with stock tools, and refused for every reason there is."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from pathlib import Path

import pytest
from attest_world import a_key, allow, signed

from reprobox.attest import dsse, sshsig, statement_check
from reprobox.errors import SignatureRefused, UsageError


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


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no key"):
        sshsig.sign(b"x", tmp_path / "nowhere")


def test_a_key_that_cannot_sign(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("not a key")
    with pytest.raises(SignatureRefused, match="did not sign"):
        sshsig.sign(b"x", tmp_path / "junk")
