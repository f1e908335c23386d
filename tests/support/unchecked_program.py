"""Writes a pair of files for each row of what a format's reader does not check. Runs under
`formats_python`, not under the tests' own interpreter.

    python unchecked_program.py DIRECTORY

Prints one JSON object a pair: format, key of the row, name, and the two paths.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import sqlite3
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pairs_program import rezipped
from small_files_program import FILES

Row = tuple[str, str, bytes, bytes]
"""Format, key of the row, and the two files."""


def small(kind: str) -> bytes:
    return next(FILES[kind][1]())


def _changed(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) >= 1, old
    return data.replace(old, new)


def _zips() -> Iterator[Row]:
    for kind in ("zip", "npz", "torch"):
        base = rezipped(small(kind))
        marked = bytearray(base)
        with zipfile.ZipFile(io.BytesIO(base)) as archive:
            first, directory = archive.infolist()[0], archive.start_dir
        marked[first.header_offset + 6] |= 1
        marked[directory + 8] |= 1
        yield kind, "encrypted", base, bytes(marked)
        wrong = bytearray(base)
        for place in (first.header_offset + 14, directory + 16):
            wrong[place] ^= 1
        yield kind, "checksum", base, bytes(wrong)
        yield kind, "comments", base, base[:-2] + b"\1\0x"
    more = io.BytesIO(small("npz"))
    with zipfile.ZipFile(more, "a") as archive:
        archive.writestr("notes.txt", b"text")
    yield "npz", "members", small("npz"), more.getvalue()


def _torch() -> Iterator[Row]:
    import torch

    base = rezipped(small("torch"))
    yield "torch", "big-endian", base, rezipped(base, data={"byteorder": b"big"})
    with zipfile.ZipFile(io.BytesIO(base)) as archive:
        held = next(archive.read(one) for one in archive.namelist() if one.endswith("data.pkl"))
    odd = _changed(held, b"FloatStorage", b"OtherStorage")
    yield "torch", "types", base, rezipped(base, data={"data.pkl": odd})
    file = io.BytesIO()
    torch.save({"w": torch.ones(2)}, file, _use_new_zipfile_serialization=False)
    legacy = file.getvalue()
    place = legacy.index(b"\x88", legacy.index(b"little_endian"))
    yield "torch-legacy", "big-endian", legacy, legacy[:place] + b"\x89" + legacy[place + 1 :]
    yield "torch-legacy", "types", legacy, _changed(legacy, b"FloatStorage", b"OtherStorage")
    # The sixth part of a storage's id says of which other one it is a part.
    yield "torch-legacy", "parts", legacy, _changed(legacy, b"K\2Nt", b"K\2)t")


def _pickles() -> Iterator[Row]:
    base = pickle.dumps([1], 5)
    yield "pickle", "persistent", base, b"\x80\4\x8c\1xQ."
    yield "pickle", "extensions", base, b"\x80\4\x82\1."
    yield "pickle", "buffers", base, b"\x80\5\x97."


def _pictures() -> Iterator[Row]:
    png = small("png")
    yield "png", "checksum", png, png[:29] + bytes([png[29] ^ 1]) + png[30:]
    jpeg, webp = small("jpeg"), small("webp")
    depth = jpeg.index(b"\xff\xc0") + 4
    yield "jpeg", "refused", jpeg, jpeg[:depth] + b"\x09" + jpeg[depth + 1 :]
    yield "webp", "refused", webp, webp[:24] + bytes(20) + webp[44:]


def _tables() -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet as parquet

    table = pyarrow.table({"n": [1, 2]})
    file = io.BytesIO()
    parquet.write_table(table, file)
    base = file.getvalue()
    yield "parquet", "encrypted", base, base[:-4] + b"PARE"
    with tempfile.TemporaryDirectory() as home:
        found: list[Any] = []
        parquet.write_table(table, f"{home}/a.parquet", metadata_collector=found)
        found[0].set_file_path("a.parquet")
        parquet.write_metadata(table.schema, f"{home}/all", metadata_collector=found)
        yield "parquet", "elsewhere", base, Path(f"{home}/all").read_bytes()
    arrow = small("arrow")
    length = int.from_bytes(arrow[-10:-6], "little")
    yield "arrow", "refused", arrow, arrow[: -10 - length] + bytes(length) + arrow[-10:]


def _sqlite() -> Iterator[Row]:
    base = small("sqlite")
    damaged = bytearray(base)
    damaged[512 * 2] = 9  # the kind of the third page
    yield "sqlite", "integrity", base, bytes(damaged)
    with tempfile.TemporaryDirectory() as home:
        database = sqlite3.connect(f"{home}/a.db")
        database.execute("pragma journal_mode = wal")
        database.execute("create table runs (n)")
        database.commit()
        waiting, log = (Path(f"{home}/a.db{end}").read_bytes() for end in ("", "-wal"))
        assert log
        yield "sqlite", "wal", base, waiting
        database.close()


def _logs() -> Iterator[Row]:
    wandb = small("wandb")
    yield "wandb", "cut", wandb, wandb[:-1]
    events = small("tensorboard")
    wrong = events[:-1] + bytes([events[-1] ^ 1])
    yield "tensorboard", "checksum", events, wrong
    yield "tensorboard", "cut", events + events[:5], events + events[:9]


def _streams() -> Iterator[Row]:
    data = b'{"a": 1}'
    packed = {
        "gzip": gzip.compress(data),
        "bzip2": bz2.compress(data),
        "xz": lzma.compress(data),
        "lzma": lzma.compress(data, lzma.FORMAT_ALONE),
        "zlib": zlib.compress(data),
    }
    for kind, stream in packed.items():
        yield kind, "cut", stream, stream[:-6]


def _tar() -> Iterator[Row]:
    def packed(pieces: list[tuple[int, bytes]], size: int) -> bytes:
        """A sparse member of GNU's format 1.0: a map of its pieces stands before them."""
        numbers = [len(pieces), *(n for at, held in pieces for n in (at, len(held)))]
        head = "".join(f"{number}\n" for number in numbers).encode().ljust(512, b"\0")
        body = head + b"".join(held for _, held in pieces)
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            info = tarfile.TarInfo("GNUSparseFile.0/a")
            info.size = len(body)
            info.pax_headers = {
                "GNU.sparse.major": "1",
                "GNU.sparse.minor": "0",
                "GNU.sparse.name": "a",
                "GNU.sparse.realsize": str(size),
            }
            archive.addfile(info, io.BytesIO(body))
        return file.getvalue()

    tail = b"x" * 512
    one = packed([(1024, tail)], 1536)
    other = packed([(0, bytes(1024) + tail)], 1536)
    yield "tar", "sparse", one, other
    base = small("tar")
    yield "tar", "behind", base, base + b"behind".ljust(512, b"\0")


def _hdf5() -> Iterator[Row]:
    import h5py

    def saved(fill: Any, **how: Any) -> bytes:
        with tempfile.TemporaryDirectory() as home:
            here = os.getcwd()
            os.chdir(home)
            try:
                with h5py.File("a.h5", "w", **how) as file:
                    fill(file)
                return Path("a.h5").read_bytes()
            finally:
                os.chdir(here)

    def plain(file: Any) -> None:
        file["x"] = np.arange(3)

    def outside(file: Any) -> None:
        file.create_dataset("x", (3,), "i8", external=[("raw.bin", 0, h5py.h5f.UNLIMITED)])

    def virtual(file: Any) -> None:
        layout = h5py.VirtualLayout((3,), "i8")
        layout[:] = h5py.VirtualSource("other.h5", "x", (3,))
        file.create_virtual_dataset("x", layout)

    def region(file: Any) -> None:
        plain(file)
        file["r"] = file["x"].regionref[0:2]

    def filtered(file: Any) -> None:
        file.create_dataset("x", data=np.arange(99), chunks=(9,), compression="lzf")

    base = saved(plain)
    yield "hdf5", "elsewhere", base, saved(outside)
    yield "hdf5", "virtual", base, saved(virtual)
    yield "hdf5", "regions", base, saved(region)
    packed = saved(filtered)
    place = packed.index(b"lzf\0")
    number = packed.rindex(struct.pack("<H", 32000), 0, place)
    assert place - number < 16
    other = packed[:number] + struct.pack("<H", 32999) + packed[number + 2 :]
    yield "hdf5", "plugins", packed, other
    block = saved(plain, userblock_size=512)
    assert block[:512] == bytes(512)
    blocks = [text.ljust(512, b"\0") + block[512:] for text in (b"one", b"other")]
    yield "hdf5", "blocks", blocks[0], blocks[1]


def _headers() -> Iterator[Row]:
    def tensors(entries: dict[str, Any], body: bytes) -> bytes:
        text = json.dumps(entries).encode()
        return struct.pack("<Q", len(text)) + text + body

    def entry(dtype: str, *offsets: int) -> dict[str, Any]:
        return {"dtype": dtype, "shape": [1], "data_offsets": offsets}

    base = tensors({"w": entry("I64", 0, 8)}, bytes(8))
    gap = tensors({"w": entry("I64", 8, 16)}, bytes(16))
    yield "safetensors", "gaps", base, gap
    yield "safetensors", "types", base, tensors({"w": entry("I65", 0, 8)}, bytes(8))
    gguf = small("gguf")
    known = struct.pack("<Q", 4) + b"bias" + struct.pack("<IQI", 1, 3, 1)
    other = struct.pack("<Q", 4) + b"bias" + struct.pack("<IQI", 1, 3, 99)
    yield "gguf", "types", gguf, _changed(gguf, known, other)


def _onnx() -> Iterator[Row]:
    import onnx

    base = small("onnx")
    model = onnx.load_from_string(base)
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "weights.bin")
    yield "onnx", "elsewhere", base, model.SerializeToString()


def _texts() -> Iterator[Row]:
    cells = b'{"cells": [], "metadata": %s}'
    wraps = {"json": b"%s", "jsonl": b"%s\n", "ipynb": cells}
    for kind, wrap in wraps.items():
        yield kind, "keys", wrap % b'{"a": 1}', wrap % b'{"a": 1, "a": 1}'
        yield kind, "encoding", wrap % b'{"a": 1}', wrap % b'{"a": "\xe9"}'
    yield "yaml", "keys", b"a: 1\n", b"? [a]\n: 1\n"
    for kind, separator in (("csv", b","), ("tsv", b"\t")):
        yield kind, "quotes", separator.join([b"a", b"b\n"]), separator.join([b"a", b'"b\n'])


def main() -> None:
    home = Path(sys.argv[1])
    parts = (_zips, _torch, _pickles, _pictures, _tables, _sqlite, _logs, _streams)
    parts += (_tar, _hdf5, _headers, _onnx, _texts)
    for part in parts:
        for kind, key, one, other in part():
            paths = [home / f"{kind}-{key}.{side}" for side in ("left", "right")]
            for path, data in zip(paths, (one, other), strict=True):
                path.write_bytes(data)
            said = {
                "kind": kind,
                "key": key,
                "name": FILES[kind][0],
                "paths": list(map(str, paths)),
            }
            sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
