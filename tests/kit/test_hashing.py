"""sha256 in a thread of its own."""

from __future__ import annotations

import hashlib
import random

import pytest

from reprobox.kit.hashing import Hashing


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_digest_of_all_pieces_in_their_order(seed: int) -> None:
    chance = random.Random(seed)
    sizes = [chance.choice((0, 1, 1000, 1 << 16, (1 << 16) + 1, 1 << 18)) for _ in range(60)]
    pieces = [chance.randbytes(size) for size in sizes]
    first, second = Hashing(), Hashing()
    for piece in pieces:
        first.update(piece)
        second.update(piece[::-1])
    assert first.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()
    backwards = b"".join(piece[::-1] for piece in pieces)
    assert second.hexdigest() == hashlib.sha256(backwards).hexdigest()


def test_it_goes_on_after_a_digest() -> None:
    hasher = Hashing()
    hasher.update(b"a" * 100_000)
    assert hasher.hexdigest() == hashlib.sha256(b"a" * 100_000).hexdigest()
    hasher.update(b"b")
    assert hasher.hexdigest() == hashlib.sha256(b"a" * 100_000 + b"b").hexdigest()
