"""Writes small files of each format by the real libraries: a few values, so that every byte of
them can be changed. Runs under `formats_python`, not under the tests' own interpreter.

    python small_files_program.py DIRECTORY FORMAT...

Prints one JSON object a file: its format, the name it has in a run, and its path.
"""

from __future__ import annotations

import bz2
import decimal
import gzip
import io
import json
import lzma
import os
import pickle
import sqlite3
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Files = Callable[[], Iterator[bytes]]
_VALUE = {"a": [1, 2.5, None, "xü", True], "b": {"c": -0.0, "d": {}}, "e": []}
_TEXT = json.dumps(_VALUE, ensure_ascii=False).encode()


def _json() -> Iterator[bytes]:
    yield _TEXT
    yield json.dumps([[1e-7, 12345678901234567890, 'a"b\n'], {"": 1}], indent=1).encode()


def _jsonl() -> Iterator[bytes]:
    yield b'{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n\n[1]\n'


def _ipynb() -> Iterator[bytes]:
    cell = {
        "cell_type": "code",
        "id": "a1",
        "execution_count": 1,
        "source": ["x = 1\n", "x"],
        "metadata": {"execution": {"t": "2026"}},
        "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}],
    }
    yield json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}).encode()


def _csv() -> Iterator[bytes]:
    yield b'step,loss,name\r\n1,0.5,"a, b"\r\n2,,x\r\n'
    yield b"1.5,2\n3.5,4e3\n"
    yield "n,t\n007,é\n8,nan\n".encode("latin-1")


def _tsv() -> Iterator[bytes]:
    yield b"step\tloss\n1\t0.5\n2\tinf\n"


def _text() -> Iterator[bytes]:
    yield "epoch 1: loss 0.5\r\n\nü\n".encode()


def _yaml() -> Iterator[bytes]:
    yield b"a: &x [1, 2.5, ~]\nb: *x\nc: {d: 'e', f: \"g\\n\"}\n"
    yield b"# a comment\n- one\n- |\n  two\n  lines\n- !t {yes: no}\n- 1_000\n"


def _npy() -> Iterator[bytes]:
    rows = np.zeros(2, np.dtype([("x", "i1"), ("n", "f4")], align=True))
    arrays = (
        np.array([[1, 2.5, -0.0]], "f4"),
        np.asfortranarray(np.arange(4, dtype=">i2").reshape(2, 2)),
        rows,
        np.array([1, "a", None], dtype=object),
        np.array(["ab", "c"]),
    )
    for array in arrays:
        file = io.BytesIO()
        np.save(file, array)
        yield file.getvalue()


def _npz() -> Iterator[bytes]:
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, w=np.array([1.5, 2]), n=np.array(3, "i2"))
        yield file.getvalue()


def _safetensors() -> Iterator[bytes]:
    from safetensors.numpy import save

    tensors = {"w": np.array([[1, 2.5]], "f4"), "b": np.array([7], "i8"), "none": np.zeros((0, 2))}
    yield save(tensors, metadata={"format": "pt", "a": "b"})
    yield save({"h": np.array([1, 2, 3], "f2")})


def _plain() -> Any:
    shared = [1, 2]
    return {
        "w": np.array([1, 2.5, 3], "f4"),
        "list": [1, 2.5, None, True, "x", b"b", (1, "y")],
        "same": [shared, shared],
        "set": {"a", "b"},
        (1, "k"): OrderedDict(a=1, b=[2]),
        "n": np.float32(0.5),
        "d": decimal.Decimal("1.5"),
    }


def _pickle() -> Iterator[bytes]:
    for protocol in (0, 2, 4, 5):
        yield pickle.dumps(_plain(), protocol)
    yield pickle.dumps([1, "a"], 4) + pickle.dumps({"b": 2.5}, 2)


def _joblib() -> Iterator[bytes]:
    import joblib

    value = {"w": np.arange(4.0).reshape(2, 2), "o": np.array([1, "x"], dtype=object), "n": [1]}
    for compress in (0, ("zlib", 3)):
        file = io.BytesIO()
        joblib.dump(value, file, compress=compress)
        yield file.getvalue()


def _states() -> Iterator[Any]:
    import torch

    shared = torch.tensor([1.0, 2.0, 3.0, 4.0])
    yield {
        "w": torch.tensor([[1.0, 2.0]]),
        "tied": [shared, shared[1:3]],
        "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "p": torch.nn.Parameter(torch.tensor([2.0])),
        "epoch": 3,
    }
    yield OrderedDict(a=torch.tensor([1, 2]), turned=torch.arange(4.0).reshape(2, 2).t())
    yield {"q": torch.quantize_per_tensor(torch.tensor([1.0]), 0.5, 0, torch.qint8), "s": {1, 2}}


def _torch(legacy: bool = False) -> Iterator[bytes]:
    import torch

    for state in _states():
        file = io.BytesIO()
        torch.save(state, file, _use_new_zipfile_serialization=not legacy)
        yield file.getvalue()


def _png() -> Iterator[bytes]:
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a")
    info.add_itxt("About", "ü", zip=True)
    palette = Image.frombytes("P", (3, 2), bytes([0, 1, 2, 2, 1, 0]))
    palette.putpalette([1, 2, 3, 4, 5, 6, 7, 8, 9])
    pictures: list[tuple[Any, dict[str, Any]]] = [
        (Image.frombytes("RGB", (3, 2), bytes(range(18))), {"pnginfo": info}),
        (palette, {"transparency": 1}),
        (Image.frombytes("I;16", (2, 2), bytes(range(8))), {}),
        (Image.frombytes("1", (5, 2), b"\xa8\x50"), {}),
    ]
    frames = [Image.new("L", (2, 2), shade) for shade in (1, 9)]
    pictures.append((frames[0], {"save_all": True, "append_images": frames[1:], "duration": 50}))
    for picture, how in pictures:
        file = io.BytesIO()
        picture.save(file, "png", **how)
        yield file.getvalue()


def _picture(kind: str, hows: list[dict[str, Any]]) -> Files:
    def files() -> Iterator[bytes]:
        from PIL import Image

        exif = Image.Exif()
        exif[0x010E] = "a"
        for how in hows:
            file = io.BytesIO()
            picture = Image.frombytes("RGB", (8, 8), bytes(n * 7 % 256 for n in range(192)))
            picture.save(file, kind, exif=exif, **how)
            yield file.getvalue()

    return files


def _tensorboard() -> Iterator[bytes]:
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.compat.proto.histogram_pb2 import HistogramProto
    from tensorboard.summary.writer.record_writer import RecordWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    values = [
        summary_pb2.Summary.Value(tag="loss", simple_value=0.5),
        summary_pb2.Summary.Value(tag="a/t", tensor=make_tensor_proto(np.array([1, 2.5], "f4"))),
        summary_pb2.Summary.Value(
            tag="h", histo=HistogramProto(min=0, max=2, num=3, bucket_limit=[1, 2], bucket=[1, 2])
        ),
    ]
    file = io.BytesIO()
    file.close = lambda: None  # type: ignore[method-assign]
    writer = RecordWriter(file)
    events = [event_pb2.Event(wall_time=1.5, file_version="brain.Event:2")]
    for step, value in enumerate(values):
        summary = summary_pb2.Summary(value=[value])
        events.append(event_pb2.Event(wall_time=2.5, step=step, summary=summary))
    for event in events:
        writer.write(event.SerializeToString())
    writer.flush()
    yield file.getvalue()


def _zip() -> Iterator[bytes]:
    members = {
        "a.txt": b"text",
        "d/b.txt": b"text\n" * 9,
        "c.bin": bytes(range(20)),
        "e/": b"",
    }
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", how) as archive:
            for name, data in members.items():
                info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                info.compress_type = how
                archive.writestr(info, data)
        yield file.getvalue()


def _tar() -> Iterator[bytes]:
    for kind in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=kind) as archive:
            info = tarfile.TarInfo("a.txt" if kind == tarfile.USTAR_FORMAT else "ü.txt")
            info.size, info.mtime = len(_TEXT), 1700000000
            archive.addfile(info, io.BytesIO(_TEXT))
            link = tarfile.TarInfo("l")
            link.type, link.linkname = tarfile.SYMTYPE, "a.txt"
            archive.addfile(link)
        # Two blocks of zeros end a file; the others only fill the last record.
        yield _ended(file.getvalue())


def _ended(tar: bytes) -> bytes:
    blocks = -(-len(tar.rstrip(b"\0")) // tarfile.BLOCKSIZE) + 2
    return tar[: blocks * tarfile.BLOCKSIZE]


def _packed(*pack: Callable[[bytes], bytes]) -> Files:
    return lambda: (one(_TEXT) for one in pack)


def _named_gzip(data: bytes) -> bytes:
    file = io.BytesIO()
    with gzip.GzipFile("a name", "wb", fileobj=file, mtime=5) as packed:
        packed.write(data)
    return file.getvalue()


def _hdf5() -> Iterator[bytes]:
    import h5py

    def fill(file: Any, how: dict[str, Any]) -> None:
        file.create_dataset("x", data=np.arange(6, dtype="f4").reshape(2, 3), **how)
        file["x"].attrs["unit"] = "m"
        if how:
            file["g/text"] = "héllo"  # texts of any length lie in a heap of 4096 bytes
        file["g/e"] = np.array([0, 1], h5py.enum_dtype({"A": 0, "B": 1}, basetype="i1"))
        file["soft"] = h5py.SoftLink("/x")

    hows: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"libver": "latest"}, {}),
        ({"libver": "latest"}, {"chunks": (1, 3), "compression": "gzip", "fletcher32": True}),
        ({}, {}),
    ]
    for opening, how in hows:
        file = io.BytesIO()
        with h5py.File(file, "w", **opening) as opened:
            if opening:
                fill(opened, how)
            else:
                opened["n"] = np.arange(3, dtype="i2")
                opened.attrs["a"] = 1.5
        yield file.getvalue()


def _table() -> Any:
    import pyarrow

    return pyarrow.table({"n": [1, None, 3], "s": ["a", "b", "a"]})


def _parquet() -> Iterator[bytes]:
    import pyarrow
    import pyarrow.parquet as parquet

    hows: list[dict[str, Any]] = [
        {"compression": "none", "use_dictionary": False, "store_schema": False},
        {"compression": "snappy"},
        {"compression": "zstd", "write_page_checksum": True, "data_page_version": "2.0"},
    ]
    for how in hows:
        file = io.BytesIO()
        table = _table() if how["compression"] != "none" else pyarrow.table({"f": [1.5, 2.5]})
        parquet.write_table(table, file, **how)
        yield file.getvalue()


def _arrow() -> Iterator[bytes]:
    from pyarrow import feather, ipc

    file = io.BytesIO()
    with ipc.new_file(file, _table().schema, metadata={"run": "x"}) as writer:
        writer.write_table(_table())
    yield file.getvalue()
    file = io.BytesIO()
    with ipc.new_stream(file, _table().schema) as writer:
        writer.write_table(_table())
    yield file.getvalue()
    file = io.BytesIO()
    feather.write_feather(_table(), file, compression="zstd")
    yield file.getvalue()


def _sqlite() -> Iterator[bytes]:
    for text in ("utf-8", "utf-16le"):
        with tempfile.TemporaryDirectory() as home:
            path = Path(home) / "a.db"
            database = sqlite3.connect(path)
            database.execute("pragma page_size = 512")
            database.execute(f"pragma encoding = '{text}'")
            database.execute("create table runs (n integer primary key, f real, s text, b blob)")
            database.execute("create index i on runs (s)")
            rows = [(1, 0.5, "a", b"\1\2"), (5, None, "bü", None), (7, 1e9, "long" * 9, b"")]
            database.executemany("insert into runs values (?, ?, ?, ?)", rows)
            database.commit()
            database.close()
            yield path.read_bytes()


def _onnx() -> Iterator[bytes]:
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.array([[1, 2.5]], "f4"), "w")
    listed = helper.make_tensor("ids", TensorProto.INT64, [2], [1, 2])
    ends = [helper.make_tensor_value_info(one, TensorProto.FLOAT, [1, 2]) for one in "xy"]
    node = helper.make_node("Mul", ["x", "w"], ["y"], name="node")
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weights, listed])
    yield helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def _gguf() -> Iterator[bytes]:
    from gguf import GGUFWriter

    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "a.gguf"
        writer = GGUFWriter(path, "llama")
        writer.add_uint32("count", 3)
        writer.add_array("words", ["a", "b"])
        writer.add_tensor("w", np.arange(4, dtype=np.float32).reshape(2, 2))
        writer.add_tensor("bias", np.arange(3, dtype=np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        yield path.read_bytes()


def _wandb() -> Iterator[bytes]:
    """A log of W&B's own client, offline. It is read when its service has ended, which writes it."""
    import wandb

    os.environ["WANDB_SILENT"] = "true"
    with tempfile.TemporaryDirectory() as home:
        settings = wandb.Settings(console="off", x_disable_stats=True, x_disable_machine_info=True)
        run = wandb.init(
            mode="offline", project="p", dir=home, config={"lr": 0.1}, settings=settings, group="g"
        )
        run.log({"loss": 0.5, "a": 1})
        run.summary["best"] = 0.1
        run.finish()
        wandb.teardown()
        yield next(Path(home).glob("wandb/offline-run*/*.wandb")).read_bytes()


FILES: dict[str, tuple[str, Files]] = {
    "json": ("a.json", _json),
    "jsonl": ("a.jsonl", _jsonl),
    "csv": ("a.csv", _csv),
    "tsv": ("a.tsv", _tsv),
    "text": ("a.txt", _text),
    "npy": ("a.npy", _npy),
    "npz": ("a.npz", _npz),
    "safetensors": ("a.safetensors", _safetensors),
    "pickle": ("a.pkl", _pickle),
    "joblib": ("a.joblib", _joblib),
    "torch": ("a.pt", _torch),
    "torch-legacy": ("a.pt", lambda: _torch(legacy=True)),
    "png": ("a.png", _png),
    "tensorboard": ("events.out.tfevents.1", _tensorboard),
    "zip": ("a.zip", _zip),
    "tar": ("a.tar", _tar),
    "gzip": ("a.json.gz", _packed(lambda data: gzip.compress(data, mtime=3), _named_gzip)),
    "bzip2": ("a.json.bz2", _packed(bz2.compress)),
    "xz": ("a.json.xz", _packed(lzma.compress)),
    "lzma": ("a.json.lzma", _packed(lambda data: lzma.compress(data, lzma.FORMAT_ALONE))),
    "zlib": ("a.json.z", _packed(zlib.compress, lambda data: zlib.compress(data, 0))),
    "hdf5": ("a.h5", _hdf5),
    "parquet": ("a.parquet", _parquet),
    "arrow": ("a.feather", _arrow),
    "yaml": ("a.yaml", _yaml),
    "ipynb": ("a.ipynb", _ipynb),
    "sqlite": ("a.db", _sqlite),
    "onnx": ("a.onnx", _onnx),
    "gguf": ("a.gguf", _gguf),
    "jpeg": ("a.jpg", _picture("jpeg", [{"quality": 50}, {"progressive": True}])),
    "webp": ("a.webp", _picture("webp", [{"lossless": True}, {"quality": 50}])),
    "wandb": ("run-a.wandb", _wandb),
}


def main() -> None:
    home = Path(sys.argv[1])
    home.mkdir(parents=True, exist_ok=True)
    for kind in sys.argv[2:]:
        name, files = FILES[kind]
        for place, data in enumerate(files()):
            path = home / f"{kind}.{place}"
            path.write_bytes(data)
            sys.stdout.write(json.dumps({"kind": kind, "name": name, "path": str(path)}) + "\n")


if __name__ == "__main__":
    main()
