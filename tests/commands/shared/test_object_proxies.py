"""Objects that stand before other objects are whole: every word of the port is written out."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from reprobox.commands.shared.object_proxies import NoMemo, Noting, Passing
from reprobox.kit import canon
from reprobox.model.ports import Objects
from reprobox.store.objects import ObjectStore

WORDS = sorted(name for name in vars(Objects) if not name.startswith("_"))


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_passed_on(word: str) -> None:
    """The port's own bodies answer None, so none of them may be inherited."""
    assert word in vars(Passing)


def test_what_is_put_through_is_in_the_objects_behind(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    passing = Passing(store)
    (tmp_path / "file").write_bytes(b"b")
    put = [
        passing.put_bytes(b"a"),
        passing.put_file(tmp_path / "file"),
        passing.put_stream(io.BytesIO(b"c"))[0],
    ]
    assert put == [canon.digest_bytes(data) for data in (b"a", b"b", b"c")]
    assert all(
        store.has(digest) and passing.has(digest) and passing.verify(digest) for digest in put
    )
    assert [passing.path(digest) for digest in put] == [store.path(digest) for digest in put]
    assert passing.partial(put[0]) == store.partial(put[0])


def test_facts_are_passed_on_withheld_or_noted(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    store.remember("known", 1)
    noting = Noting(store)
    assert (noting.memo("known"), noting.memo("unknown")) == (1, None)
    noting.remember("new", 2)
    assert noting.memos == {"known": 1, "new": 2}
    assert (Passing(store).memo("new"), NoMemo(store).memo("new")) == (2, None)
    NoMemo(store).remember("never", 3)
    assert store.memo("never") is None
