"""The reader's process: limits first, then the files. Started by `look`, speaks JSON on stdin and
stdout.

Outputs are whatever the experiment wrote, so their readers get little memory, little time, small
files and no descriptors to spare.
"""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_CHUNK = 1 << 16


def main() -> None:
    """Reads one request, writes one answer."""
    request = json.load(sys.stdin)
    _limit(request["limits"])
    try:
        answer = _bytes(Path(request["left"]), Path(request["right"])) | _compare(request)
    except MemoryError:
        answer = {"why": "the reader ran out of its memory limit"}
    json.dump(answer, sys.stdout)


def _limit(limits: dict[str, int]) -> None:
    for kind, name in (
        (resource.RLIMIT_AS, "memory"),
        (resource.RLIMIT_CPU, "cpu"),
        (resource.RLIMIT_FSIZE, "unpacked"),
    ):
        _, hard = resource.getrlimit(kind)
        value = limits[name] if hard == resource.RLIM_INFINITY else min(limits[name], hard)
        resource.setrlimit(kind, (value, value))
    signal.alarm(limits["wall"])  # nobody handles it, so it ends the process wherever it is
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def _bytes(left: Path, right: Path) -> dict[str, Any]:
    """Where the first byte differs, how many do when the sizes agree (a single one is a fault of
    its own kind), both digests.
    """
    first, count, offset = None, 0, 0
    hashed = hashlib.sha256(), hashlib.sha256()
    with left.open("rb") as ours, right.open("rb") as theirs:
        while True:
            one, other = ours.read(_CHUNK), theirs.read(_CHUNK)
            for hasher, chunk in zip(hashed, (one, other), strict=True):
                hasher.update(chunk)
            place, many = (0, 0) if one == other else _differing(one, other)
            if first is None and many:
                first = offset + place
            elif first is None and len(one) != len(other):
                first = offset + min(len(one), len(other))
            count += many
            offset += _CHUNK
            if not one and not other:
                break
    digests = [f"sha256:{hasher.hexdigest()}" for hasher in hashed]
    return {"first_byte": first, "digests": digests} | (
        {"bytes_differ": count} if left.stat().st_size == right.stat().st_size else {}
    )


def _differing(one: bytes, other: bytes) -> tuple[int, int]:
    """Where the first byte differs, as far as both go, and how many do; by one number of all bits,
    since a loop takes hours.
    """
    size = min(len(one), len(other))
    mine, yours = (int.from_bytes(side[:size], "big") for side in (one, other))
    bits = (mine ^ yours).to_bytes(size, "big")
    return size - len(bits.lstrip(b"\0")), size - bits.count(0)


def _compare(request: dict[str, Any]) -> dict[str, Any]:
    try:
        from reprobox.judge import content, tensors
        from reprobox.judge.formats import archives
    except ImportError as error:
        return {"why": f"reading tensors needs NumPy: {error}"}
    sides = []
    try:
        for side in ("left", "right"):
            directory = Path(request["scratch"]) / side
            directory.mkdir()
            unpacker = archives.Unpacker(directory, request["limits"]["unpacked"])
            sides.append(unpacker.read(Path(request[side]), request["name"]))
        tolerance = tensors.Tolerance(**request["tolerance"])
        return content.compare(sides[0], sides[1], tolerance, only_numbers=request["only_numbers"])
    except content.Unreadable as error:
        return {
            "why": str(error),
            "side": "left" if not sides else "right" if len(sides) == 1 else "both",
        }


if __name__ == "__main__":
    main()
