"""Bundles: deterministic, readable by destination tools, and refused when a single byte is other than it
was written.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest
import zstandard
from travelling import Silent, There, a_run, bundle_of, packed, snapshot

from reprobox.errors import BundleRefused, NewerFormat, StoreDamaged, StoreError
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.store.runs import Runs
from reprobox.store.transfer import bundle, copy
from reprobox.store.transfer.bundle import FRAME, Index, Reader, Writer
from reprobox.store.transfer.copy import Card

SMALL = {"a": b"1", "b/c": b"22"}
"""Outputs of a bundle of a few kilobytes."""


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path / "there")


def read_all(data: bytes) -> None:
    """Reads a bundle as an import does, and checks each blob, without writing anything."""
    origin = Reader(io.BytesIO(data))
    for digest, part in origin.blobs(dict.fromkeys(dict(origin.index.order), 0)):
        hasher = hashlib.sha256()
        while chunk := part.read(1 << 20):
            hasher.update(chunk)
        if f"sha256:{hasher.hexdigest()}" != digest:
            raise origin.mismatch(digest)


def packed_file(*plain: bytes) -> bytes:
    """A bundle around any plain text, correctly compressed and sealed, by our own hand."""
    compressor = zstandard.ZstdCompressor(write_checksum=True)
    body = b"".join(compressor.compress(part) for part in plain)
    seal = b"reprobox-end/1 " + hashlib.sha256(body).hexdigest().encode()
    return body + struct.pack("<II", 0x184D2A5B, len(seal)) + seal


def plain_of(index: bytes, blobs: bytes = b"") -> bytes:
    head = f"reprobox-bundle/1\n{len(index)} {hashlib.sha256(index).hexdigest()}\n".encode()
    return head + index + blobs


class Failing(io.BytesIO):
    """A file whose n-th read fails, as a bad disk's does: no device here can be told to, at that
    moment.
    """

    left = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if not self.left:
            raise OSError(5, "Input/output error")
        return super().read(size)


def _reads(data: bytes, fails: int) -> int:
    """Reads a whole bundle from a file whose read number `fails` fails; how often it was read."""
    file = Failing(data)
    file.left = fails
    origin = Reader(file)
    for _, part in origin.blobs(dict.fromkeys(dict(origin.index.order), 0)):
        while part.read(1 << 20):
            pass
    return fails - file.left


def test_a_disk_that_fails_at_any_read_is_told_also_at_the_seal(runs: Runs) -> None:
    data = bundle_of(packed(runs, a_run(runs, SMALL)))
    reads = _reads(data, 1_000_000)
    assert reads >= 3
    for number in range(1, reads + 1):
        with pytest.raises(BundleRefused, match="cannot be read to its end"):
            _reads(data, number)


def test_a_bundle_brings_a_run(runs: Runs, there: There) -> None:
    run = a_run(runs)
    done = there.import_(bundle_of(packed(runs, run, wheels=[os.urandom(9_000_000)])))
    assert done.published == (run,)
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))


def test_the_same_runs_give_the_same_bytes(runs: Runs, there: There) -> None:
    one, two = a_run(runs), a_run(runs, seed=2, now=1_795_188_700.0)
    data = bundle_of(packed(runs, one, two, wheels=[b"w" * 9_000_000]))
    assert bundle_of(packed(runs, two, one, wheels=[b"w" * 9_000_000])) == data
    there.import_(data)
    assert bundle_of(packed(there.runs, one, two, wheels=[b"w" * 9_000_000])) == data


def test_stock_tools_read_it(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "b.rbx").write_bytes(data := bundle_of(packed(runs, a_run(runs))))
    if shutil.which("zstd"):
        plain = subprocess.run(
            ["zstd", "-dc", str(tmp_path / "b.rbx")], capture_output=True, check=True
        ).stdout
    else:
        plain = (
            zstandard.ZstdDecompressor()
            .stream_reader(io.BytesIO(data), read_across_frames=True)
            .read()
        )
    first, second, rest = plain.split(b"\n", 2)
    length, digest = second.split()
    index = rest[: int(length)]
    assert first == b"reprobox-bundle/1"
    assert hashlib.sha256(index).hexdigest().encode() == digest
    blobs = rest[int(length) :]
    for digest_, size in codec.decode(Index, index, where="").order:
        assert canon.digest_bytes(blobs[:size]) == digest_
        blobs = blobs[size:]
    assert blobs == b""


def test_a_bundle_may_be_a_pipe(runs: Runs, there: There) -> None:
    data = bundle_of(packed(runs, a_run(runs), wheels=[os.urandom(3_000_000)]))
    read, write = os.pipe()

    def send() -> None:
        with os.fdopen(write, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=send)
    thread.start()
    with os.fdopen(read, "rb") as pipe:
        done = there.import_(pipe)
    thread.join()
    assert len(done.published) == 1


def test_every_cut_is_found(runs: Runs) -> None:
    data = bundle_of(packed(runs, a_run(runs, SMALL)))
    read_all(data)
    for end in range(len(data)):
        with pytest.raises(BundleRefused):
            read_all(data[:end])


def test_every_changed_byte_is_found(runs: Runs) -> None:
    data = bundle_of(packed(runs, a_run(runs, SMALL)))
    assert 2000 < len(data) < 8000
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << position % 8
        with pytest.raises((BundleRefused, NewerFormat)):
            read_all(bytes(changed))


def test_every_bit_of_the_frames_own_fields_is_found(runs: Runs) -> None:
    """Decompressors overlook a reserved bit and what is in padding; the seal does not."""
    data = bundle_of(packed(runs, a_run(runs, {"zeros": bytes(FRAME * 2)})))
    padding = data.index(struct.pack("<I", 0x184D2A50))
    for position in (
        *range(20),
        *range(padding, padding + 20),
        *range(len(data) - 90, len(data), 7),
    ):
        for bit in range(0, 8, 2):
            changed = bytearray(data)
            changed[position] ^= 3 << bit
            with pytest.raises((BundleRefused, NewerFormat)):
                read_all(bytes(changed))


def test_changed_bytes_of_a_larger_bundle_are_found(runs: Runs) -> None:
    rng = random.Random(6)
    data = bundle_of(
        packed(runs, a_run(runs, {"model": rng.randbytes(300_000), "zeros": bytes(50_000)}))
    )
    for _ in range(300):
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= rng.randrange(1, 256)
        with pytest.raises((BundleRefused, NewerFormat)):
            read_all(bytes(changed))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_bundle_publishes_nothing_and_a_second_try_goes_on(
    runs: Runs, there: There, share: float
) -> None:
    run = a_run(runs)
    data = bundle_of(
        packed(
            runs, run, wheels=[random.Random(number).randbytes(1_000_000) for number in range(12)]
        )
    )
    with pytest.raises(BundleRefused):
        there.import_(data[: int(len(data) * share)])
    assert there.published() == []
    silent = Silent()
    origin = Reader(io.BytesIO(data))
    with there.destination() as destination:
        planned = copy.plan(origin, destination)
        copy.copy(planned, origin, destination, silent)
    assert share < 0.5 or silent.done < 12_000_000 * (1.1 - share) + 1_000_000
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))
    assert there.waiting() == []


def test_bytes_after_the_end_are_refused(runs: Runs, there: There) -> None:
    data = bundle_of(packed(runs, a_run(runs)))
    for more in (b"x", b"\0" * 100, data, zstandard.compress(b"more")):
        with pytest.raises(BundleRefused):
            there.import_(data + more)
    assert there.published() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        os.urandom(10_000),
        b"PK\x03\x04" + bytes(1000),
        packed_file(b""),
        packed_file(b"hello\n"),
        packed_file(b"reprobox-bundle/1\n"),
        packed_file(b"reprobox-bundle/0\n"),
        packed_file(b"reprobox-bundle/1\n99999999999 " + b"0" * 64 + b"\n"),
        packed_file(b"reprobox-bundle/1\n2 " + b"0" * 64 + b"\n{}"),
        packed_file(plain_of(b"{}")),
        packed_file(plain_of(b"[" * 100_000)),
        packed_file(plain_of(b'{"format":"reprobox.bundle/1","cards":[],"order":[],"order":[]}')),
        packed_file(
            plain_of(b'{"format":"reprobox.bundle/1","cards":[],"order":[["sha256:00",NaN]]}')
        ),
        packed_file(
            plain_of(b'{"format":"reprobox.bundle/1","cards":[],"order":[["../../x",5]]}', b"abcde")
        ),
        packed_file(plain_of(b'{"format":"reprobox.bundle/1","cards":[],"order":[]}', b"more")),
    ],
)
def test_what_is_no_bundle_is_refused(there: There, data: bytes) -> None:
    with pytest.raises(BundleRefused):
        there.import_(data)
    assert there.published() == []


@pytest.mark.parametrize(
    "plain",
    [
        b"reprobox-bundle/2\nanything",
        plain_of(b'{"format":"reprobox.bundle/2","cards":[],"order":[]}'),
    ],
)
def test_a_newer_bundle_is_told_as_newer(there: There, plain: bytes) -> None:
    with pytest.raises(NewerFormat, match="2"):
        there.import_(packed_file(plain))


def test_a_record_of_a_newer_reprobox_is_told_as_newer(runs: Runs, there: There) -> None:
    run = a_run(runs)
    path = runs.path(run) / "record.json"
    newer = path.read_bytes().replace(b'"reprobox.record/1"', b'"reprobox.record/2"')
    parcels = packed(runs, run)
    card = parcels.cards()[0]
    old, new = card.record, canon.digest_bytes(newer)
    card = replace(
        card,
        record=new,
        members=tuple(
            replace(member, digest=new) if member.digest == old else member
            for member in card.members
        ),
        blobs=copy.in_order(
            replace(blob, digest=new, size=len(newer)) if blob.digest == old else blob
            for blob in card.blobs
        ),
    )
    with pytest.raises(NewerFormat):
        there.import_(bundle_of(_Changed(parcels, card, {new: newer})))
    assert there.published() == []


class _Changed:
    again = True

    def __init__(self, parcels: copy.Parcels, card: Card, other: dict[str, bytes]) -> None:
        self._parcels, self._card, self._other = parcels, card, other

    def cards(self) -> tuple[Card, ...]:
        return (self._card,)

    def blobs(self, wanted: Any) -> Iterator[tuple[str, Any]]:
        for digest in wanted:
            if digest in self._other:
                yield digest, io.BytesIO(self._other[digest])
            else:
                yield from self._parcels.blobs({digest: 0})

    def mismatch(self, digest: str) -> Any:
        return self._parcels.mismatch(digest)


def _zeros(count: int) -> Iterator[bytes]:
    """Frames of zeros, as a hostile writer makes them: 20,000 times larger than they look."""
    frame = zstandard.ZstdCompressor().compress(bytes(FRAME))
    for _ in range(count // FRAME):
        yield frame


class _Rows(io.RawIOBase):
    """A file that is never in memory."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._left, self.given = parts, b"", 0

    def read(self, size: int = -1, /) -> bytes:
        while len(self._left) < size and (more := next(self._parts, b"")):
            self._left += more
        data, self._left = self._left[:size], self._left[size:]
        self.given += len(data)
        return data


def test_ten_gigabytes_of_zeros_are_stopped(runs: Runs, there: There) -> None:
    """Announced honestly, so that only what it expands to gives it away."""
    size = 10 << 30
    parcels = packed(runs, a_run(runs, SMALL))
    card = parcels.cards()[0]
    bomb = copy.Blob(digest="sha256:" + "b" * 64, size=size, role="lock")
    card = replace(card, blobs=copy.in_order((*card.blobs, bomb)))
    order = tuple(copy.wanted_of([card]).items())
    index = codec.encode(Index(cards=(card,), order=order))
    before = b"".join(
        stream.read()
        for digest, _ in order
        if digest != bomb.digest
        for _, stream in parcels.blobs({digest: 0})
    )
    start = zstandard.compress(plain_of(index, before))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    with (
        pytest.raises(BundleRefused, match="expands")
        if _room(there) > 2 * size
        else pytest.raises((BundleRefused, StoreError))
    ):
        there.import_(_Rows(iter([start, *_zeros(size)])))  # type: ignore[arg-type]
    assert time.monotonic() - begun < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 100_000
    assert there.published() == []
    assert sum(path.stat().st_size for path in (there.shared.root / "tmp").iterdir()) < 300 << 20


def _room(there: There) -> int:
    return shutil.disk_usage(there.top.parent).free


def test_zeros_that_nobody_announced_are_stopped(there: There) -> None:
    rows = _Rows(iter([zstandard.compress(b"reprobox-bundle/1\n"), *_zeros(10 << 30)]))
    with pytest.raises(BundleRefused):
        there.import_(rows)  # type: ignore[arg-type]
    assert rows.given < 1 << 20


def test_a_window_that_would_take_gigabytes_is_refused(there: There) -> None:
    parameters = zstandard.ZstdCompressionParameters(
        window_log=30, compression_level=1, write_content_size=False
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(BundleRefused, match="decompress"):
        there.import_(compressor.compress(b"reprobox-bundle/1\n") + compressor.flush() + bytes(200))


def test_honest_zeros_travel(runs: Runs, there: There) -> None:
    """A checkpoint may be mostly zeros; the writer keeps to the ratio that the reader allows."""
    run = a_run(runs, {"zeros": bytes(64 << 20)})
    data = bundle_of(packed(runs, run))
    assert len(data) > (64 << 20) // bundle.RATIO
    there.import_(data)
    assert (there.runs.path(run) / "outputs" / "zeros").stat().st_size == 64 << 20


def test_more_than_the_disk_holds_is_refused_first(runs: Runs, there: There) -> None:
    parcels = packed(runs, a_run(runs, SMALL))
    card = parcels.cards()[0]
    huge = copy.Blob(digest="sha256:" + "b" * 64, size=1 << 43, role="lock")
    card = replace(card, blobs=copy.in_order((*card.blobs, huge)))
    index = codec.encode(Index(cards=(card,), order=tuple(copy.wanted_of([card]).items())))
    with pytest.raises(StoreError, match="free"):
        there.import_(packed_file(plain_of(index)))


def test_a_bundle_of_changed_bytes_is_not_made(runs: Runs) -> None:
    run = a_run(runs)
    (runs.path(run) / "outputs" / "model.bin").write_bytes(b"short")
    with pytest.raises(StoreDamaged):
        bundle_of(packed(runs, run))


class _Full(io.RawIOBase):
    """/dev/full, with a beginning that works."""

    def __init__(self, room: int, full: IO[bytes]) -> None:
        self._room, self._full = room, full

    def write(self, data: Any) -> int:
        self._room -= len(data)
        return len(data) if self._room > 0 else self._full.write(data)


@pytest.mark.parametrize("room", [0, 3_000_000])
def test_a_full_disk_is_told(runs: Runs, room: int) -> None:
    parcels = packed(runs, a_run(runs), wheels=[os.urandom(9_000_000)])
    with open("/dev/full", "wb", buffering=0) as full, Writer(_Full(room, full)) as writer:  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="writing the bundle"):
            copy.copy(copy.plan(parcels, writer), parcels, writer, Silent())


def test_memory_stays_small(runs: Runs, tmp_path: Path) -> None:
    """In a process of its own: 120 MB through a bundle, and less than half of it in memory."""
    run = a_run(
        runs,
        {
            "model": random.Random(3).randbytes(20 << 20),
            "again": random.Random(4).randbytes(100 << 20),
        },
    )
    script = f"""
import resource, sys
sys.path[:0] = {[str(Path(__file__).parents[2] / "support"), *sys.path]!r}
from pathlib import Path
from travelling import There, packed, Silent
from reprobox.store.transfer import copy
from reprobox.store.transfer.bundle import Reader, Writer
from reprobox.store.runs import Runs
runs = Runs(Path({str(runs.root)!r}))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open({str(tmp_path / "b")!r}, "wb") as file, Writer(file) as writer:
    origin = packed(runs, {run!r})
    copy.copy(copy.plan(origin, writer), origin, writer, Silent())
with open({str(tmp_path / "b")!r}, "rb") as file:
    There(Path({str(tmp_path / "there")!r})).import_(file)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert int(done.stdout) < 60_000
