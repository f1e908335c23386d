"""Each byte of a small file is changed, and the changed file compared with the file: never equal,
unless the byte is on the reader's list.

Bytes of packed data may be changed so that the same is unpacked (unused bits at the end of a
stream): what they say was compared then. For formats that a library reads, a dump of our own by
that library has to agree where a reader says equal.
"""

from __future__ import annotations

import functools
import io
import json
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reader_pairs import RULE

from reprobox.judge import content
from reprobox.judge.formats.archives import Unpacker
from reprobox.judge.leaves import Unreadable
from reprobox.judge.reader import Limits, Reader
from reprobox.judge.tensors import Tolerance

_LIMIT = 1 << 26


@dataclass
class Found:
    """What came of the changes to one file."""

    different: int = 0
    not_checked: int = 0
    on_the_list: int = 0
    wrong: tuple[int, ...] = ()
    """Offsets of bytes that a reader overlooked."""


def _h5(data: bytes) -> Any:
    import h5py

    found: list[Any] = []
    with h5py.File(io.BytesIO(data), "r") as file:

        def visit(name: str, thing: Any) -> None:
            value = thing[()] if isinstance(thing, h5py.Dataset) else None
            found.append((name, repr(value), str(getattr(thing, "dtype", ""))))
            found.extend((name, key, repr(item)) for key, item in sorted(thing.attrs.items()))

        file.visititems(visit)
    return sorted(map(str, found))


def _sqlite(data: bytes) -> Any:
    database = sqlite3.connect(":memory:")
    database.deserialize(data)
    return sorted(database.iterdump())


def _yaml(data: bytes) -> Any:
    import yaml

    return [json.dumps(one, default=str, sort_keys=True) for one in yaml.safe_load_all(data)]


def _json(data: bytes) -> Any:
    return json.dumps(json.loads(data.decode("utf-8-sig")), sort_keys=True)


def _lines(data: bytes) -> Any:
    return [_json(line) for line in data.splitlines() if line.strip()]


def _parquet(data: bytes) -> Any:
    import pyarrow
    import pyarrow.parquet

    return str(pyarrow.parquet.read_table(pyarrow.BufferReader(data)).to_pylist())


def _arrow(data: bytes) -> Any:
    import pyarrow.feather

    return str(pyarrow.feather.read_table(io.BytesIO(data)).to_pylist())


def _notebook(data: bytes) -> Any:
    found = json.loads(data.decode("utf-8-sig"))
    for part in [found, *found["cells"]]:
        part.pop("id", None)
        for clock in ("execution", "papermill"):
            part.get("metadata", {}).pop(clock, None)
        for text in [part, *part.get("outputs", [])]:
            for key in ("source", "text"):
                if isinstance(text.get(key), list):
                    text[key] = "".join(text[key])
    return json.dumps(found, sort_keys=True)


def _cells(data: bytes, delimiter: str = ",") -> Any:
    import csv

    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    rows = csv.reader(text, delimiter=delimiter)
    return [[_number(cell) for cell in row] for row in rows]


def _number(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell


DUMPS: dict[str, Callable[[bytes], Any]] = {
    "hdf5": _h5,
    "sqlite": _sqlite,
    "yaml": _yaml,
    "json": _json,
    "jsonl": _lines,
    "ipynb": _notebook,
    "parquet": _parquet,
    "arrow": _arrow,
    "csv": _cells,
    "tsv": lambda data: _cells(data, "\t"),
}
"""Formats whose list is about spelling or layout, so that any byte may belong to it."""


LIBRARIES = frozenset({"hdf5", "sqlite", "parquet", "arrow", "jpeg", "webp"})
"""Formats whose library a damaged file may hold for ever: read in the reader's own process."""


ANSWERS: dict[str, str] = {"equal-under-rule": "equal", "different": "different"}


@functools.cache
def _reader() -> Reader:
    return Reader(Limits(cpu=5, wall=60))


def read(path: Path, name: str) -> content.Content:
    """The content of a file, in this process."""
    with tempfile.TemporaryDirectory() as scratch:
        return Unpacker(Path(scratch), _LIMIT).read(path, name)


def flips(data: bytes, offsets: list[int], chance: random.Random) -> Iterator[tuple[bytes, range]]:
    """The file with one of these bytes changed, by one bit or to any other value."""
    for offset in offsets:
        bit = 1 << chance.randrange(8)
        changed = bytearray(data)
        changed[offset] ^= bit if chance.random() < 0.7 else chance.randrange(1, 256)
        yield bytes(changed), range(offset, offset + 1)


def damage(data: bytes, count: int, chance: random.Random) -> Iterator[tuple[bytes, range]]:
    """The file cut off at so many places, all of them where it is small; and as often with bytes
    of any kind at its beginning, or a number in it that is another one.
    """
    size = len(data)
    cuts = range(size) if size <= count else sorted(chance.sample(range(size), count))
    for place in cuts:
        yield data[:place], range(place, size)
    for _ in range(count):
        length = chance.choice((1, 2, 4, 8, 40))
        start = chance.choice((0, 0, chance.randrange(size)))
        end = min(size, start + length)
        noise = chance.choice((b"\xff" * 40, bytes(40), chance.randbytes(40)))[: end - start]
        yield data[:start] + noise + data[end:], range(start, end)


def judged(
    home: Path, kind: str, name: str, data: bytes, changes: Iterable[tuple[bytes, range]]
) -> Found:
    """Compares each changed file with the file. Whatever but Unreadable comes out of a reader goes
    through.
    """
    base = home / "base"
    base.write_bytes(data)
    original = read(base, name)
    listed = bytearray(len(data))
    for span in original.left_out:
        listed[span.start : span.end] = b"\1" * (span.end - span.start)
    found = Found()
    for changed, places in changes:
        if changed == data:
            continue
        verdict = _verdict(home, kind, name, original, changed)
        if verdict == "different":
            found.different += 1
        elif verdict != "equal":
            found.not_checked += 1
        elif kind in DUMPS and _agree(DUMPS[kind], data, changed):
            found.on_the_list += 1
        elif kind not in DUMPS and all(listed[places.start : places.stop]):
            found.on_the_list += 1
        else:
            found.wrong += (places.start,)
    return found


def _agree(dump: Callable[[bytes], Any], one: bytes, other: bytes) -> bool:
    try:
        return bool(dump(one) == dump(other))
    except Exception:  # the library itself refuses what a reader read
        return False


def _verdict(home: Path, kind: str, name: str, original: content.Content, data: bytes) -> str:
    path = home / "changed"
    path.write_bytes(data)
    if kind in LIBRARIES:
        found = _reader().look(home / "base", path, RULE, path=name)
        if found.state in ANSWERS:
            return ANSWERS[found.state]
        assert found.detail.why
        for unexpected in ("exit code", "the reader failed"):
            assert unexpected not in found.detail.why, found.detail.why
        return "not checked"
    try:
        answer = content.compare(original, read(path, name), Tolerance())
    except (Unreadable, MemoryError):
        return "not checked"
    return "equal" if answer["within"] else "different"


def offsets(size: int, count: int, chance: random.Random) -> list[int]:
    """So many places of a file, its beginning and end among them; all where it is small."""
    if size <= count:
        return list(range(size))
    near = min(40, count)
    ends = [*range(near), *range(size - near, size)]
    return sorted({*ends, *(chance.randrange(size) for _ in range(count))})
