"""Each byte of a small file is changed, and the changed file compared with the file: never equal,
unless the byte is on the reader's list, and the format's own library reads the same value too.

Where checksums would refuse nearly every change, they are made anew for half of the changes.
"""

from __future__ import annotations

import functools
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from torch_python import formats_python

from reprobox.judge import content
from reprobox.judge.formats.archives import Unpacker
from reprobox.kit import proc

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIBRARIES = frozenset({"hdf5", "sqlite", "parquet", "arrow", "jpeg", "webp"})
"""Formats whose library may crash on a damaged file: the reader's process is there for that."""
_SENT = 2000
"""Changes of one request."""


@dataclass(frozen=True)
class Small:
    """A small file of a format."""

    kind: str
    name: str
    """In a run."""
    data: bytes


@functools.cache
def small_files(*kinds: str) -> list[Small]:
    """Small files of these formats, by their own libraries."""
    with tempfile.TemporaryDirectory() as home:
        program = HERE / "small_files_program.py"
        done = proc.run([formats_python(), "-W", "ignore", program, home, *kinds])
        assert done.ok, done.error_text
        said = [json.loads(line) for line in done.out.decode().splitlines()]
        return [Small(one["kind"], one["name"], Path(one["path"]).read_bytes()) for one in said]


def read(path: Path, name: str) -> content.Content:
    """The content of a file, in this process."""
    with tempfile.TemporaryDirectory() as scratch:
        return Unpacker(Path(scratch), 1 << 26).read(path, name)


class Change(NamedTuple):
    """Other bytes instead of those from start to end."""

    start: int
    end: int
    new: bytes
    mended: bool = False
    """Whether checksums of the format are made anew."""


@dataclass
class Found:
    """What came of the changes to one file."""

    different: int = 0
    not_checked: int = 0
    on_the_list: int = 0
    ended: int = 0
    """Changes that ended the process of a library: crashes, and limits of time."""
    wrong: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Of changes."""
        kinds = self.different + self.not_checked + self.on_the_list + self.ended
        return kinds + len(self.wrong)

    def add(self, other: Found) -> None:
        """Adds what came of other changes."""
        self.different += other.different
        self.not_checked += other.not_checked
        self.on_the_list += other.on_the_list
        self.ended += other.ended
        self.wrong += other.wrong


def flips(
    data: bytes, offsets: Iterable[int], chance: random.Random, *, mended: float = 0.5
) -> Iterator[Change]:
    """One of these bytes changed, by one bit or to any other value.

    Args:
        mended: how many of the changes get a new checksum.
    """
    for offset in offsets:
        bit = 1 << chance.randrange(8)
        new = data[offset] ^ (bit if chance.random() < 0.7 else chance.randrange(1, 256))
        yield Change(offset, offset + 1, bytes([new]), chance.random() < mended)


def damage(data: bytes, count: int, chance: random.Random) -> Iterator[Change]:
    """The file cut off at so many places, all of them where it is small; and as often with bytes
    of any kind at its beginning, or a number in it that is another one.
    """
    size = len(data)
    cuts = range(size) if size <= count else sorted(chance.sample(range(size), count))
    for place in cuts:
        yield Change(place, size, b"")
    for _ in range(count):
        length = chance.choice((1, 2, 4, 8, 40))
        start = chance.choice((0, 0, chance.randrange(size)))
        end = min(size, start + length)
        noise = chance.choice((b"\xff" * 40, bytes(40), chance.randbytes(40)))[: end - start]
        yield Change(start, end, noise)


def offsets(size: int, count: int, chance: random.Random) -> list[int]:
    """So many places of a file, its beginning and end among them; all where it is small."""
    if size <= count:
        return list(range(size))
    near = min(40, count)
    ends = [*range(near), *range(size - near, size)]
    return sorted({*ends, *(chance.randrange(size) for _ in range(count))})


def judged(home: Path, file: Small, changes: Iterable[Change]) -> Found:
    """Compares each changed file with the file."""
    base = home / "base"
    base.write_bytes(file.data)
    found, left = Found(), (one for one in changes if one.new != file.data[one.start : one.end])
    while some := list(islice(left, _SENT)):
        request = {
            "kind": file.kind,
            "name": file.name,
            "base": str(base),
            "home": str(home),
            "changes": [[one.start, one.end, one.new.hex(), one.mended] for one in some],
        }
        for change, word in zip(some, _asked(_child(), request), strict=True):
            _count(found, file.kind, base, change, word)
    return found


def _count(found: Found, kind: str, base: Path, change: Change, word: str) -> None:
    if word == "different":
        found.different += 1
    elif word == "not checked":
        found.not_checked += 1
    elif word == "listed":
        found.on_the_list += 1
    elif word.startswith("ended") and kind in LIBRARIES:
        found.ended += 1
    else:
        if word.startswith("equal "):
            word = _second_opinion(kind, base, Path(word.removeprefix("equal ")))
        if word == "same":
            found.on_the_list += 1
        else:
            found.wrong.append(f"{change.start}-{change.end} {change.new.hex()}: {word}")


def _second_opinion(kind: str, base: Path, other: Path) -> str:
    """What the format's own library says of a file that a reader called equal."""
    said = _asked(_library(), {"kind": kind, "one": str(base), "other": str(other)})
    if said == "same":
        other.unlink()
        return "same"
    return f"equal, and of its library: {said} ({other})"


@functools.cache
def _child() -> proc.Dialogue:
    """Serves all files of one test process; it ends with it."""
    paths = os.pathsep.join([str(ROOT), str(HERE), *filter(None, sys.path)])
    env = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    env |= {"LC_ALL": "C.UTF-8", "HDF5_PLUGIN_PRELOAD": "::"}
    return proc.Dialogue([sys.executable, "-B", "-X", "utf8", HERE / "flips_child.py"], env=env)


@functools.cache
def _library() -> proc.Dialogue:
    return proc.Dialogue([formats_python(), HERE / "same_value_program.py"])


def _asked(program: proc.Dialogue, request: dict[str, Any]) -> Any:
    program.questions.write(json.dumps(request).encode() + b"\n")
    program.questions.flush()
    said = program.answers.readline()
    assert said, program.error_text()
    return json.loads(said)


def every_byte(file: Small, chance: random.Random) -> Sequence[Change]:
    """Each byte of a file changed once."""
    return list(flips(file.data, range(len(file.data)), chance, mended=0))
