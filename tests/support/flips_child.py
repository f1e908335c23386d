"""Compares a file with changed copies of it, thousands a second: the process behind `reader_flips`.

A request is a line of JSON: `kind`, `name`, `base` (the file), `home` (a directory) and `changes`,
each `[start, end, hex, mended]`: these bytes instead of those. The answer is a line of JSON: a word
for each change, with what is worth to be known of it:

    different, not checked
    listed          equal, and what was changed is on the reader's list
    equal PATH      equal, and the bytes are on the list; PATH is for the format's own library
    wrong ...       equal, and it must not be; or whatever but Unreadable came out of a reader
    ended SIGNAL    the process ended

A batch of changes is read in a process that is forked from this one, under the limits of the
product's reader. Behind each batch the unchanged file must still be equal to itself.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import signal
import sqlite3
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from reprobox.judge import content
from reprobox.judge.formats.archives import Unpacker
from reprobox.judge.formats.registry import DAMAGE
from reprobox.judge.leaves import Unreadable
from reprobox.judge.reader_child import _limit
from reprobox.judge.tensors import Tolerance

BATCH = 400
"""Changes that one process reads: libraries may leak."""
UNPACKED = 1 << 26
LIMITS = {"memory": 2 << 30, "cpu": 5, "wall": 60, "unpacked": UNPACKED}
LIBRARIES = {
    "arrow": ("pyarrow.ipc",),
    "parquet": ("pyarrow.parquet",),
    "hdf5": ("h5py",),
    "jpeg": ("PIL.Image",),
    "webp": ("PIL.Image",),
    "sqlite": ("sqlite3",),
    "yaml": ("yaml",),
}


# ---- what a library makes of a file, where any byte may belong to what is left out


def _h5(data: bytes) -> Any:
    import h5py

    found: list[Any] = []
    with h5py.File(io.BytesIO(data), "r") as file:

        def visit(name: str, thing: Any) -> None:
            value = thing[()] if isinstance(thing, h5py.Dataset) else None
            found.append((name, repr(value), str(getattr(thing, "dtype", ""))))
            found.extend((name, key, repr(item)) for key, item in sorted(thing.attrs.items()))

        visit("/", file)
        file.visititems(visit)
    return sorted(map(str, found))


def _sqlite(data: bytes) -> Any:
    database = sqlite3.connect(":memory:")
    database.text_factory = bytes
    database.deserialize(data)
    (encoding,) = database.execute("pragma encoding").fetchone()
    found: list[Any] = [encoding, *database.execute("pragma user_version").fetchone()]
    schema = database.execute("select type, name, tbl_name, sql from sqlite_master").fetchall()
    for kind, name, *_ in schema:
        if kind == b"table":
            found += database.execute(f'select * from "{name.decode()}"').fetchall()
    return [*found, *sorted(map(repr, schema))]


def _yaml(data: bytes) -> Any:
    import yaml

    return [_shown(node) for node in yaml.compose_all(data, Loader=yaml.CSafeLoader)]


def _shown(node: Any) -> Any:
    """A node by tags and texts; numbers by what they are."""
    if node.id == "scalar":
        number = node.tag.endswith((":float", ":int"))
        text = node.value.lower() if node.tag.endswith((":bool", ":null")) else node.value
        return node.tag.endswith(":str"), _number(text) if number else text
    if node.id == "sequence":
        return node.tag, [_shown(child) for child in node.value]
    return node.tag, sorted((repr(_shown(key)), _shown(value)) for key, value in node.value)


def _json(data: bytes) -> Any:
    return json.dumps(json.loads(data.decode("utf-8-sig")), sort_keys=True)


def _lines(data: bytes) -> Any:
    return [_json(line) for line in data.split(b"\n") if line.strip()]


def _parquet(data: bytes) -> Any:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(pyarrow.BufferReader(data), use_threads=False)
    # Arrow leaves its own schema there where it did not need it: the table's is compared.
    kept = dict(table.schema.metadata or {})
    kept.pop(b"ARROW:schema", None)
    return str(table.schema.with_metadata(kept or None)), str(table.to_pylist())


def _arrow(data: bytes) -> Any:
    from pyarrow import ipc

    opened = ipc.open_file(data) if data[:6] == b"ARROW1" else ipc.open_stream(data)
    table = opened.read_all()
    return str(table.schema), str(table.to_pylist())


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
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [[_number(cell) for cell in row] for row in rows]


def _number(cell: str) -> Any:
    try:
        return repr(float(cell))
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
"""A reader that says equal has to agree with these."""
ASKED = frozenset(
    {"npy", "npz", "safetensors", "pickle", "joblib", "torch", "torch-legacy", "zip", "tar"}
    | {"tensorboard", "wandb", "onnx", "gguf", "png", "jpeg", "webp"}
)
"""And of these their own library is asked, which is not in this process."""


# ---- checksums, which would refuse every change in what they guard


class Guard(NamedTuple):
    """Bytes, where their checksum stands, and how it is made."""

    start: int
    end: int
    places: tuple[int, ...]
    checksum: Callable[[bytes], bytes]


def _png_guards(data: bytes) -> Iterator[Guard]:
    place = 8
    while place < len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        yield Guard(place + 4, end, (end,), lambda held: struct.pack(">I", zlib.crc32(held)))
        place = end + 4


def _event_guards(data: bytes) -> Iterator[Guard]:
    place = 0
    while place < len(data):
        end = place + 12 + int.from_bytes(data[place : place + 8], "little")
        yield Guard(place, place + 8, (place + 8,), _masked)
        yield Guard(place + 12, end, (end,), _masked)
        place = end + 4


def _masked(data: bytes) -> bytes:
    """CRC-32C bit by bit (RFC 3720, appendix B.4), masked as TFRecord does."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _wandb_guards(data: bytes) -> Iterator[Guard]:
    place = 7
    while place + 7 <= len(data):
        end = place + 7 + int.from_bytes(data[place + 4 : place + 6], "little")
        yield Guard(place + 6, end, (place,), lambda held: struct.pack("<I", zlib.crc32(held)))
        place = end


def _zip_guards(data: bytes) -> Iterator[Guard]:
    """Of members that are not compressed, whose checksum stands in two places."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        place = archive.start_dir
        for info in archive.infolist():
            names = struct.unpack_from("<HH", data, info.header_offset + 26)
            start = info.header_offset + 30 + sum(names)
            places = (info.header_offset + 14, place + 16)
            if info.compress_type == zipfile.ZIP_STORED:
                end = start + info.file_size
                yield Guard(start, end, places, lambda held: struct.pack("<I", zlib.crc32(held)))
            place += 46 + sum(struct.unpack_from("<HHH", data, place + 28))


GUARDS: dict[str, Callable[[bytes], Iterator[Guard]]] = {
    "png": _png_guards,
    "tensorboard": _event_guards,
    "wandb": _wandb_guards,
    "zip": _zip_guards,
    "npz": _zip_guards,
    "torch": _zip_guards,
}


# ---- the process


class _Batch:
    """Changes of one file, read in the process that this is made in."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._kind, self._name = said["kind"], said["name"]
        self._home, base = Path(said["home"]), Path(said["base"])
        self._data = base.read_bytes()
        self._guards = list(GUARDS.get(self._kind, lambda _: iter(()))(self._data))
        self._original = self._read(base, "original")
        self._listed = bytearray(len(self._data))
        for span in self._original.left_out:
            self._listed[span.start : span.end] = b"\1" * (span.end - span.start)
        self._equal = 0
        self._dumped = DUMPS[self._kind](self._data) if self._kind in DUMPS else None

    def _read(self, path: Path, scratch: str) -> content.Content:
        return Unpacker(self._home / scratch, UNPACKED).read(path, self._name)

    def answer(self, start: int, end: int, new: str, mended: bool) -> str:
        """The word for one change."""
        changed = bytearray(self._data)
        changed[start:end] = bytes.fromhex(new)
        for guard in self._guards if mended and len(changed) == len(self._data) else ():
            if guard.start <= start < guard.end:
                for place in guard.places:
                    checksum = guard.checksum(bytes(changed[guard.start : guard.end]))
                    changed[place : place + len(checksum)] = checksum
        return self._judged(bytes(changed), start, end)

    def _judged(self, changed: bytes, start: int, end: int) -> str:
        path = self._home / "changed"
        path.unlink(missing_ok=True)  # what was read before may still be mapped
        path.write_bytes(changed)
        try:
            found = content.compare(self._original, self._read(path, "other"), Tolerance())
        except (Unreadable, MemoryError, *DAMAGE) as error:
            said = str(error) or isinstance(error, MemoryError)
            return "not checked" if said else f"wrong: {type(error).__name__} without a sentence"
        if not found["within"]:
            return "different"
        if self._kind in DUMPS:
            return "listed" if self._agree(changed) else "wrong: equal, and its library disagrees"
        if not self._on_list(changed, start, end):
            return "wrong: equal, and the byte is on no list"
        if self._kind not in ASKED:
            return "listed"
        kept = self._home / f"equal-{os.getpid()}-{self._equal}"
        self._equal += 1
        kept.write_bytes(changed)
        return f"equal {kept}"

    def _on_list(self, changed: bytes, start: int, end: int) -> bool:
        """Whether each byte that is another one, or is gone, may be."""
        if len(changed) != len(self._data):
            return all(self._listed[start:end])
        places = (at for at in range(start, end) if changed[at] != self._data[at])
        return all(self._listed[at] for at in places)

    def _agree(self, changed: bytes) -> bool:
        try:
            return bool(self._dumped == DUMPS[self._kind](changed))
        except Exception:  # the library itself refuses what a reader read
            return False

    def sane(self) -> str:
        """Whether the file is still equal to itself."""
        path = self._home / "changed"
        path.unlink(missing_ok=True)
        path.write_bytes(self._data)
        found = content.compare(self._original, self._read(path, "other"), Tolerance())
        return "sane" if found["same"] else "not sane"


def _forked(said: dict[str, Any], changes: list[list[Any]]) -> tuple[list[str], int]:
    """A word for each change up to the one that ended the process, and its wait status."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _work(said, changes, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as lines:
        found = [line.decode().rstrip("\n") for line in lines]
    return found, os.waitpid(pid, 0)[1]


def _work(said: dict[str, Any], changes: list[list[Any]], out: int) -> None:
    code = 1
    try:
        batch = _Batch(said)
        for change in changes:
            _limit(LIMITS)
            try:
                word = batch.answer(*change)
            except Exception as error:  # what the product would show as a fault of its own
                word = f"wrong: {type(error).__name__}: {error}"
            os.write(out, word.replace("\n", " ")[:400].encode() + b"\n")
        os.write(out, batch.sane().encode() + b"\n")
        code = 0
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _answers(said: dict[str, Any]) -> list[str]:
    found: list[str] = []
    while left := said["changes"][len(found) : len(found) + BATCH]:
        words, status = _forked(said, left)
        if status == 0:
            assert words.pop() == "sane", "the unchanged file is not equal to itself any more"
        elif (code := os.waitstatus_to_exitcode(status)) < 0:
            words.append(f"ended {signal.Signals(-code).name}")
        else:
            raise AssertionError(f"the process failed: exit code {code}")
        found += words
    return found


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    warnings.simplefilter("ignore")
    for line in sys.stdin.buffer:
        said = json.loads(line)
        for module in LIBRARIES.get(said["kind"], ()):
            importlib.import_module(module)  # once, and not in each forked process
        answers.write(json.dumps(_answers(said)).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
