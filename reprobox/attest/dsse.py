"""DSSE envelopes (secure-systems-lab/dsse, protocol v1.0.2): a payload, its type, and signatures
over both.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from reprobox.errors import SignatureRefused
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass

IN_TOTO = "application/vnd.in-toto+json"
_LARGEST = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature; `key` is what the signer says of the key, and proves nothing."""

    key: str
    raw: bytes


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A payload with its signatures."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]
    timestamps: tuple[bytes, ...] = ()
    """Answers of RFC 3161 servers over the first signature; a field that other readers ignore."""

    @property
    def signed(self) -> bytes:
        """The bytes that are signed."""
        return pae(self.payload_type, self.payload)

    def encode(self) -> bytes:
        """The envelope as JSON."""
        stamps = [base64.b64encode(one).decode("ascii") for one in self.timestamps]
        return canon.canonical(
            {
                **({"timestamps": stamps} if stamps else {}),
                "payloadType": self.payload_type,
                "payload": base64.b64encode(self.payload).decode("ascii"),
                "signatures": [
                    {"keyid": one.key, "sig": base64.b64encode(one.raw).decode("ascii")}
                    for one in self.signatures
                ],
            }
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: type and payload with their lengths, so that neither can
    pass for the other.
    """
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def read(data: bytes) -> Envelope:
    """Reads an envelope strictly.

    Raises:
        SignatureRefused: it is not one.
    """
    try:
        if len(data) > _LARGEST:
            raise ValueError(f"more than {_LARGEST} bytes")
        value: Any = canon.parse(data)
        signatures = tuple(
            Signature(key=str(one.get("keyid", "")), raw=_bytes(one["sig"]))
            for one in value["signatures"]
        )
        stamps = tuple(map(_bytes, value.get("timestamps", ())))
        kind, payload = value["payloadType"], _bytes(value["payload"])
        if not isinstance(kind, str):
            raise TypeError("the payload's type is not text")
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise SignatureRefused(
            "this is not a signed statement (a DSSE envelope)", why=str(fault)
        ) from fault
    return Envelope(payload_type=kind, payload=payload, signatures=signatures, timestamps=stamps)


def _bytes(text: Any) -> bytes:
    """Base64, standard or URL-safe, as the specification lets a reader accept."""
    if not isinstance(text, str):
        raise TypeError("base64 is text")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as fault:
        raise ValueError(f"not base64: {fault}") from fault
