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
from collections.abc import Callable
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


def _cells(data: bytes) -> Any:
    import csv

    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
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
    "ipynb": lambda data: None,
    "parquet": _parquet,
    "arrow": _arrow,
    "csv": _cells,
    "tsv": lambda data: None,
}
"""Formats whose list is about spelling or layout, so that any byte may belong to it."""


LIBRARIES = frozenset({"hdf5", "sqlite", "parquet", "arrow", "jpeg", "webp"})
"""Formats whose library a damaged file may hold for ever: read in the reader's own process."""


@functools.cache
def _reader() -> Reader:
    return Reader(Limits(cpu=3, wall=30))


def read(path: Path, name: str) -> content.Content:
    """The content of a file, in this process."""
    with tempfile.TemporaryDirectory() as scratch:
        return Unpacker(Path(scratch), _LIMIT).read(path, name)


def flipped(
    home: Path, kind: str, name: str, data: bytes, offsets: list[int], chance: random.Random
) -> Found:
    """Changes each of these bytes, by one bit or to any other value."""
    base = home / "base"
    base.write_bytes(data)
    original = read(base, name)
    listed = [(span.start, span.end) for span in original.left_out]
    found = Found()
    for offset in offsets:
        changed = bytearray(data)
        changed[offset] ^= (
            1 << chance.randrange(8) if chance.random() < 0.7 else chance.randrange(1, 256)
        )
        if bytes(changed) == data:
            continue
        verdict = _verdict(home, kind, name, original, bytes(changed))
        if verdict == "equal":
            on_list = any(start <= offset < end for start, end in listed)
            agrees = kind not in DUMPS or _agree(DUMPS[kind], data, bytes(changed))
            if (on_list or kind in DUMPS) and agrees:
                found.on_the_list += 1
            else:
                found.wrong += (offset,)
        elif verdict == "different":
            found.different += 1
        else:
            found.not_checked += 1
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
        return {"equal-under-rule": "equal", "different": "different"}.get(found.state, "not")
    try:
        found = content.compare(original, read(path, name), Tolerance())
    except (Unreadable, MemoryError):
        return "not checked"
    return "equal" if found["within"] else "different"


def offsets(size: int, count: int, chance: random.Random) -> list[int]:
    """So many places of a file, its beginning and end among them; all where it is small."""
    if size <= count:
        return list(range(size))
    near = min(40, count)
    ends = [*range(near), *range(size - near, size)]
    return sorted({*ends, *(chance.randrange(size) for _ in range(count))})
