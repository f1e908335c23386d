"""One look-up over the engine's socket, without docker-py: an unchanged `build` asks for one image
and nothing else.

Importing docker-py, requests and urllib3 takes longer than everything else that such a build does.
So this asks plainly (HTTP/1.0: the answer is neither chunked nor kept open), takes a clear answer,
and calls everything else unclear; then docker-py asks again, and its errors are told as always.
"""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

_CHUNK = 1 << 16
_MOST = 16 << 20
"""Bytes of an answer; an image's description has some thousand."""


class UnclearError(Exception):
    """No answer that could be taken as it is."""


def image(socket_path: str, reference: str, seconds: float) -> dict[str, Any] | None:
    """What the engine says of an image; None when it does not have it.

    Args:
        socket_path: of the engine's unix socket.
        reference: that can stand in a URL.
        seconds: how long each part of the answer may take.

    Raises:
        UnclearError: ask in another way.
    """
    request = f"GET /images/{reference}/json HTTP/1.0\r\nHost: engine\r\n\r\n"
    try:
        status, body = _split(_ask(socket_path, request.encode("ascii"), seconds))
        described = json.loads(body)
    except (OSError, ValueError, IndexError) as fault:
        raise UnclearError from fault
    if status == 404 and isinstance(described, dict) and "message" in described:
        return None
    if status != 200 or not isinstance(described, dict) or "Id" not in described:
        raise UnclearError
    return described


def _ask(socket_path: str, request: bytes, seconds: float) -> bytes:
    answer = bytearray()
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as door:
        door.settimeout(seconds)
        door.connect(socket_path)
        door.sendall(request)
        while chunk := door.recv(_CHUNK):
            answer += chunk
            if len(answer) > _MOST:
                raise UnclearError
    return bytes(answer)


def _split(answer: bytes) -> tuple[int, bytes]:
    """Status and body; a body that was cut is no JSON, or fails to have the length that the head
    says.
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and int(value) != len(body):
            raise ValueError("cut")
    return int(first.split()[1]), body
