"""Time stamps after RFC 3161, asked for and checked by `openssl ts`.

Why the program and not a library: it knows the servers' certificates and algorithms, and a reader
can check a token without us. The stamp is over the raw signature, as in a Sigstore bundle, so it
proves that the signature was there at that time.
"""

from __future__ import annotations

import re
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from reprobox.errors import ServerFailed, SignatureRefused, UsageError
from reprobox.kit import proc
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

_TYPES = ("application/timestamp-query", "application/timestamp-reply")
_SECONDS = 30.0
_LARGEST = 1 << 20
_GRANTED = regex(r"^Status: Granted", re.MULTILINE)
_TIME = regex(r"^Time stamp: (.+)$", re.MULTILINE)
_DUMP = regex(r"^    [0-9a-f]{4} - ((?:[0-9a-f]{2}[ -])+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a token says."""

    time: str
    """As openssl prints it, in GMT."""
    digest: str
    """Hex, of what was stamped."""


def stamp(data: bytes, server: str) -> bytes:
    """A server's answer over bytes: a TimeStampResp in DER.

    Raises:
        UsageError: openssl is not installed, or the address is none of a server.
        ServerFailed: the server did not answer, or refused.
    """
    if urlsplit(server).scheme not in ("http", "https"):
        raise UsageError(
            f"{server!r} is not the address of a time stamp server",
            next_step="name one as http://HOST/PATH",
        )
    with tempfile.TemporaryDirectory(prefix="reprobox-stamp-") as folder:
        given, query = Path(folder) / "data", Path(folder) / "query"
        given.write_bytes(data)
        _openssl("-query", "-data", str(given), "-sha256", "-cert", "-out", str(query))
        answer = _ask(server, query.read_bytes())
        found = read(answer)
        asked = _openssl("-query", "-in", str(query), "-text")
        if found is None or found.digest != _digest(asked.out.decode(errors="replace")):
            raise ServerFailed(
                f"the time stamp server {server} did not stamp what it was asked to",
                why="" if found else "it answered without a time stamp",
            )
        return answer


def _ask(server: str, query: bytes) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        server, data=query, headers={"Content-Type": _TYPES[0], "Accept": _TYPES[1]}
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            return bytes(answer.read(_LARGEST))
    except (OSError, ValueError) as fault:
        code = None
        if isinstance(fault, urllib.error.HTTPError):
            code = fault.code
            fault.close()  # it is the answer, and holds its connection
        raise ServerFailed(
            f"the time stamp server {server} refused: {code}"
            if code
            else f"the time stamp server {server} did not answer",
            why=str(fault),
        ) from fault


def read(answer: bytes) -> Stamp | None:
    """What an answer says; None where it is not a time stamp. Proves nothing; see `check`."""
    with tempfile.TemporaryDirectory(prefix="reprobox-stamp-") as folder:
        given = Path(folder) / "answer"
        given.write_bytes(answer)
        done = _openssl("-reply", "-in", str(given), "-text", must=False)
    text = done.out.decode(errors="replace")
    time = _TIME.search(text)
    if not done.ok or not _GRANTED.search(text) or not time:
        return None
    return Stamp(time=time[1].strip(), digest=_digest(text))


def check(data: bytes, answer: bytes, authorities: Path) -> Stamp:
    """Checks that an answer is a stamp over these bytes by a server that is trusted.

    Args:
        authorities: a file of certificates (PEM) that the server's chain ends in.

    Raises:
        SignatureRefused: it is not.
    """
    found = read(answer)
    with tempfile.TemporaryDirectory(prefix="reprobox-stamp-") as folder:
        given, reply = Path(folder) / "data", Path(folder) / "answer"
        given.write_bytes(data)
        reply.write_bytes(answer)
        done = _openssl(
            *("-verify", "-data", str(given), "-in", str(reply), "-CAfile", str(authorities)),
            must=False,
        )
    if found is None or not done.ok:
        said = [line for line in done.error_text.splitlines() if line.strip()]
        raise SignatureRefused(
            "the time stamp is not over this signature by a server that is trusted",
            why=said[-1] if said else "",
        )
    return found


def _digest(text: str) -> str:
    """The message imprint as `openssl ts -text` dumps it; the first dump is that of the message."""
    begin = text.find("Message data:")
    lines = []
    for line in text[begin:].splitlines()[1:]:
        match = _DUMP.match(line)
        if match is None:
            break
        lines.append(match[1].replace("-", " "))
    return "".join("".join(lines).split())


def _openssl(*words: str, must: bool = True) -> proc.Done:
    try:
        done = proc.run(["openssl", "ts", *words])
    except FileNotFoundError as fault:
        raise UsageError(
            "a time stamp needs the program openssl", next_step="apt-get install openssl"
        ) from fault
    if must and not done.ok:
        raise UsageError("openssl made no time stamp query", why=done.error_text)
    return done
