from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from lock_world import Index, Talk, served, sha256

from reprobox.errors import FetchError, HashMismatch
from reprobox.lock.download import Item, Transport, fetch
from reprobox.store.objects import ObjectStore

DATA = os.urandom(3_000_000)
QUICK = Transport(pause=0.001, attempts=3)


@pytest.fixture
def server() -> Iterator[Index]:
    with served(Index(files={"big": DATA})) as made:
        yield made


def _get(
    server: Index, objects: ObjectStore, talk: Talk, *more: Item, expect: str = sha256(DATA)
) -> None:
    item = Item(
        label="big",
        digest=expect,
        urls=(f"http://127.0.0.1:{server.port}/files/big",),
        size=len(DATA),
    )
    fetch([item, *more], objects=objects, transport=QUICK, progress=talk, what="bytes")


def test_a_cut_download_goes_on_where_it_was(
    server: Index, objects: ObjectStore, talk: Talk
) -> None:
    server.cut_after = 1_300_000
    _get(server, objects, talk)
    assert objects.path(sha256(DATA)).read_bytes() == DATA
    starts = [0 if wanted is None else int(wanted[6:-1]) for _, wanted in server.asked]
    assert len(starts) == 3
    assert starts == sorted(set(starts))
    assert talk.bars["bytes"] == len(DATA)


def test_a_later_process_goes_on_too(server: Index, objects: ObjectStore, talk: Talk) -> None:
    objects.partial(sha256(DATA)).write_bytes(DATA[:2_000_000])
    _get(server, objects, talk)
    assert server.asked == [("/files/big", "bytes=2000000-")]
    assert objects.verify(sha256(DATA))
    assert not objects.partial(sha256(DATA)).exists()


@pytest.mark.parametrize("rest", [b"x" * 1000, DATA + b"too much", DATA])
def test_a_partial_file_that_is_wrong_does_no_harm(
    server: Index, objects: ObjectStore, talk: Talk, rest: bytes
) -> None:
    objects.partial(sha256(DATA)).write_bytes(rest)
    _get(server, objects, talk)
    assert objects.verify(sha256(DATA))


def test_a_server_without_ranges(server: Index, objects: ObjectStore, talk: Talk) -> None:
    server.ranges = False
    objects.partial(sha256(DATA)).write_bytes(DATA[:1000])
    _get(server, objects, talk)
    assert objects.verify(sha256(DATA))


def test_busy_servers_are_asked_again(server: Index, objects: ObjectStore, talk: Talk) -> None:
    server.broken = [503, 429]
    _get(server, objects, talk)
    assert len(server.asked) == 3
    assert objects.has(sha256(DATA))


@pytest.mark.parametrize(("broken", "asked"), [([403] * 9, 1), ([503] * 9, 3)])
def test_refusals_are_final_and_patience_ends(
    server: Index, objects: ObjectStore, talk: Talk, broken: list[int], asked: int
) -> None:
    server.broken = broken
    with pytest.raises(FetchError, match="could not be fetched") as caught:
        _get(server, objects, talk)
    assert "big: " in caught.value.why
    assert len(server.asked) == asked


def test_nobody_answers(server: Index, objects: ObjectStore, talk: Talk) -> None:
    item = Item(label="gone", digest=sha256(b"?"), urls=("http://127.0.0.1:9/files/gone",))
    with pytest.raises(FetchError) as caught:
        fetch([item], objects=objects, transport=QUICK, progress=talk, what="bytes")
    assert "gone: the connection fails" in caught.value.why


def test_other_bytes_are_refused_and_every_failure_is_named(
    server: Index, objects: ObjectStore, talk: Talk
) -> None:
    lost = Item(
        label="lost", digest=sha256(b"lost"), urls=(f"http://127.0.0.1:{server.port}/files/lost",)
    )
    with pytest.raises(HashMismatch) as caught:
        _get(server, objects, talk, lost, expect=sha256(b"something else"))
    assert "big: the server's bytes have another digest" in caught.value.why
    assert "lost: the server says 404" in caught.value.why
    assert list(objects.iterate()) == []


def test_the_second_address_serves_where_the_first_fails(
    server: Index, objects: ObjectStore, talk: Talk
) -> None:
    urls = (
        f"http://127.0.0.1:{server.port}/files/moved",
        f"http://127.0.0.1:{server.port}/files/big",
    )
    fetch(
        [Item(label="big", digest=sha256(DATA), urls=urls)],
        objects=objects,
        transport=QUICK,
        progress=talk,
        what="bytes",
    )
    assert objects.has(sha256(DATA))


def test_many_at_once(objects: ObjectStore, talk: Talk) -> None:
    many = {f"f{number}": os.urandom(150_000) for number in range(40)}
    with served(Index(files=many, cut_after=100_000)) as server:
        items = [
            Item(
                label=name,
                digest=sha256(data),
                urls=(f"http://127.0.0.1:{server.port}/files/{name}",),
            )
            for name, data in many.items()
        ]
        fetch([*items, *items], objects=objects, transport=QUICK, progress=talk, what="bytes")
    assert all(objects.verify(sha256(data)) for data in many.values())
    assert talk.bars["bytes"] == 40 * 150_000
