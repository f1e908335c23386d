"""Signatures with the SSH key that people have, made and checked by `ssh-keygen -Y` as git does it
(OpenSSH, PROTOCOL.sshsig).

Why the program and not a library: it knows agents, hardware keys, certificates and the
allowed_signers format, and a reader can check our statements without us.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import tempfile
from pathlib import Path

from reprobox.errors import SignatureRefused, UsageError
from reprobox.kit import proc
from reprobox.kit.lazy_dataclass import dataclass

NAMESPACE = "reprobox-run-v1"
"""What a signature is for; one that was made for something else (git, files, mail) does not count
here, nor ours there.
"""
_ARMOR = "SSH SIGNATURE"


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Who signed: the name that the allowed signers file gives to the key, and the key's
    fingerprint.
    """

    name: str
    key: str


def sign(data: bytes, key: Path) -> bytes:
    """A signature, without its armor.

    Args:
        key: a private key, or a public one whose private half an agent holds.

    Raises:
        SignatureRefused: ssh-keygen would not sign.
    """
    if not key.is_file():
        raise UsageError(
            f"there is no key {key}",
            next_step="ssh-keygen -t ed25519 makes one; --key names another",
        )
    with tempfile.TemporaryDirectory(prefix="reprobox-sign-") as folder:
        message = Path(folder) / "message"
        message.write_bytes(data)
        done = _keygen("-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(message))
        if not done.ok:
            raise SignatureRefused(
                f"the key {key} did not sign",
                why=done.error_text,
                next_step="ssh-add it, or name another: --key",
            )
        return unarmor((Path(folder) / "message.sig").read_bytes())


def _keygen(*args: str, stdin: bytes | None = None) -> proc.Done:
    try:
        return proc.run(["ssh-keygen", *args], stdin=stdin)
    except FileNotFoundError as fault:
        raise SignatureRefused(
            "there is no ssh-keygen", next_step="install openssh-client"
        ) from fault


def unarmor(text: bytes) -> bytes:
    """The bytes of an armored signature. Raises ValueError when it is none."""
    begin, *body, end = text.strip().splitlines()
    if begin != f"-----BEGIN {_ARMOR}-----".encode() or end != f"-----END {_ARMOR}-----".encode():
        raise ValueError("not an armored SSH signature")
    return base64.b64decode(b"".join(body), validate=True)


def armor(raw: bytes) -> bytes:
    """A signature as ssh-keygen reads it."""
    text = base64.b64encode(raw).decode("ascii")
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join([f"-----BEGIN {_ARMOR}-----", *lines, f"-----END {_ARMOR}-----", ""]).encode(
        "ascii"
    )


def fingerprint(raw: bytes) -> str:
    """`SHA256:...` of the public key inside a signature.

    Raises:
        SignatureRefused: it is not an SSH signature.
    """
    return "SHA256:" + base64.b64encode(hashlib.sha256(public_key(raw)).digest()).decode(
        "ascii"
    ).rstrip("=")


def public_key(raw: bytes) -> bytes:
    """The public key inside a signature; see `fingerprint`."""
    try:
        magic, version, length = struct.unpack_from(">6sII", raw)
        key = raw[14 : 14 + length]
        if magic != b"SSHSIG" or version != 1 or len(key) != length:
            raise ValueError("another format")
    except (struct.error, ValueError) as fault:
        raise SignatureRefused("this is not an SSH signature", why=str(fault)) from fault
    return bytes(key)


def verify(data: bytes, raw: bytes, allowed: Path) -> Signer:
    """Who signed these bytes, according to a file of allowed signers.

    Raises:
        SignatureRefused: the signature is not over these bytes, was made for another purpose, or is
            by a key that is not in the file or whose entry is not valid now.
    """
    key = fingerprint(raw)
    if not allowed.is_file():
        raise SignatureRefused(
            f"there is no file of allowed signers {allowed}",
            next_step="see ALLOWED SIGNERS in ssh-keygen(1)",
        )
    with tempfile.TemporaryDirectory(prefix="reprobox-verify-") as folder:
        place = Path(folder) / "signature"
        place.write_bytes(armor(raw))
        # A signature that is wrong in itself is reported as that, and not as one by an unknown key.
        sound = _keygen("-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(place), stdin=data)
        if not sound.ok:
            raise SignatureRefused(
                "the signature is not over these bytes, or was made for another purpose",
                why=sound.error_text,
            )
        listed = _keygen("-Y", "find-principals", "-s", str(place), "-f", str(allowed))
        for name in listed.out.decode("utf-8", "replace").split("\n"):
            if name and _accepts(name, place, allowed, data):
                return Signer(name=name, key=key)
    raise SignatureRefused(
        f"the signature is by {key}, whom {allowed} does not accept", why=_why_not(raw, allowed)
    )


def _accepts(name: str, place: Path, allowed: Path, data: bytes) -> bool:
    # A principal of a certificate may be a pattern list; the first name of it stands for it.
    argv = (
        "-Y",
        "verify",
        "-f",
        str(allowed),
        "-I",
        name.split(",")[0],
        "-n",
        NAMESPACE,
        "-s",
        str(place),
    )
    return _keygen(*argv, stdin=data).ok


def _why_not(raw: bytes, allowed: Path) -> str:
    text = base64.b64encode(public_key(raw)).decode("ascii")
    if text in allowed.read_text("utf-8", "replace"):
        return (
            "The key is listed there, but not as valid now (valid-after, valid-before) or not for "
            "this purpose (namespaces)."
        )
    return "The key is not listed there."
