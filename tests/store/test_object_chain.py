"""Several stores of objects as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.errors import FetchError
from reprobox.kit import canon
from reprobox.store.object_chain import ChainObjects
from reprobox.store.objects import ObjectStore


def test_a_chain_reads_from_all_and_writes_to_the_first(tmp_path: Path) -> None:
    first, second = ObjectStore(tmp_path / "first"), ObjectStore(tmp_path / "second")
    digest = second.put_bytes(b"hello")
    second.remember("key", 1)
    chain = ChainObjects(first, second)
    assert chain.has(digest)
    assert chain.path(digest) == second.path(digest)
    assert chain.verify(digest)
    assert chain.memo("key") == 1
    new = chain.put_bytes(b"new")
    assert first.has(new)
    assert not second.has(new)
    chain.remember("key", 2)
    assert (first.memo("key"), second.memo("key"), chain.memo("key")) == (2, 1, 2)
    with pytest.raises(FetchError):
        chain.path(canon.digest_bytes(b"absent"))
    assert chain.partial(digest).parent.is_dir()
