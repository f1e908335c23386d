"""Requests to an engine over its unix socket, without docker-py.

The requests of a run are few and plain, and importing docker-py, requests and urllib3 takes longer
than all of them together. A connection serves one request (HTTP/1.0, RFC 1945): the answer ends
when the engine closes it, is never chunked, and no state is left between two requests.

docker-py remains the client for what is rare and intricate: registries and credentials, builds,
archives, TLS and ssh; see `link`.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from reprobox.kit.lazy_dataclass import dataclass

_CHUNK = 1 << 16
_MOST = 64 << 20
"""Bytes of an answer. The longest are lists of all images or containers."""


class RefusedError(Exception):
    """The engine answered with an error."""

    def __init__(self, status: int, explanation: str) -> None:
        super().__init__(explanation)
        self.status_code, self.explanation = status, explanation


class BrokenAnswerError(OSError):
    """The answer was cut off, or what answered does not speak HTTP."""


@dataclass(frozen=True)
class Request:
    """One call of the engine's API."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any] | None

    def encoded(self) -> bytes:
        """The request as it goes over the connection."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        path = quote(self.path, safe="/:@") + ("?" + urlencode(self.query) if self.query else "")
        lines = [f"{self.method} {path} HTTP/1.0", "Host: engine"]
        if self.method == "POST":
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join((*lines, "", "")).encode("ascii") + body


def ask(socket_path: str, request: Request, seconds: float | None) -> Any:
    """The engine's answer, parsed; None where it answers without a document.

    Args:
        seconds: how long each part of the answer may take; None for no limit.

    Raises:
        RefusedError: the status is an error.
        OSError: no process listens, the answer was cut off, or it took too long.
    """
    status, body = _split(_exchange(socket_path, request.encoded(), seconds))
    if status >= 400:
        raise RefusedError(status, _explanation(body))
    if not body:
        if status == 200:
            raise BrokenAnswerError("the engine closed the connection before it answered")
        return None
    return _parsed(body)


def _exchange(socket_path: str, request: bytes, seconds: float | None) -> bytes:
    answer = bytearray()
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as door:
        door.settimeout(seconds)
        door.connect(socket_path)
        door.sendall(request)
        while chunk := door.recv(_CHUNK):
            answer += chunk
            if len(answer) > _MOST:
                raise BrokenAnswerError(f"the engine's answer is longer than {_MOST} bytes")
    return bytes(answer)


def _split(answer: bytes) -> tuple[int, bytes]:
    """Status and body. Where the head gives a length, a body that was cut has another one."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    if not version.startswith(b"HTTP/") or not rest[:3].isdigit():
        raise BrokenAnswerError(f"what answers there is not an engine: {bytes(first[:80])!r}")
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and value.strip() != b"%d" % len(body):
            raise BrokenAnswerError("the engine's answer was cut off")
    return int(rest[:3]), body


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as fault:
        raise BrokenAnswerError("the engine's answer was cut off, or is not JSON") from fault


def _explanation(body: bytes) -> str:
    """The engine's own words for its refusal."""
    text = body.decode("utf-8", "replace").strip()
    with contextlib.suppress(ValueError, AttributeError):
        return str(json.loads(text).get("message", text))
    return text
