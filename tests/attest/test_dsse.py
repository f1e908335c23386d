"""DSSE envelopes, read strictly."""

from __future__ import annotations

import json

import pytest

from reprobox.attest import dsse
from reprobox.errors import SignatureRefused


def envelope(**said: object) -> dsse.Envelope:
    signature = dsse.Signature(key="k", raw=b"\xfb\xff")
    return dsse.Envelope(payload_type="text/plain", payload=b"hi", signatures=(signature,), **said)  # type: ignore[arg-type]


def test_what_is_signed_has_lengths_so_that_neither_part_passes_for_the_other() -> None:
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert dsse.pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "
    assert envelope().signed == b"DSSEv1 10 text/plain 2 hi"


def test_an_envelope_comes_back_as_it_was() -> None:
    for one in (envelope(), envelope(timestamps=(b"stamp",))):
        assert dsse.read(one.encode()) == one
    assert b"timestamps" not in envelope().encode()


@pytest.mark.parametrize("text", ["+/8=", "-_8="])
def test_both_alphabets_of_base64_are_read(text: str) -> None:
    document = json.loads(envelope().encode())
    document["signatures"][0]["sig"] = text
    assert dsse.read(json.dumps(document).encode()).signatures[0].raw == b"\xfb\xff"


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "not base64!"},
        {"payload": 5},
        {"payloadType": None},
        {"signatures": [{}]},
        {"signatures": 5},
        {"timestamps": ["?"]},
    ],
)
def test_an_envelope_with_an_odd_part_is_refused(change: dict[str, object]) -> None:
    document = json.loads(envelope().encode()) | change
    with pytest.raises(SignatureRefused, match="not a signed statement"):
        dsse.read(json.dumps(document).encode())
