"""Which format a file has (by its first bytes, then by its name), and its content."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from reprobox.judge.content import Content, Unreadable
from reprobox.judge.formats import (
    arrays,
    hdf5,
    joblib,
    media,
    parquet,
    pickles,
    plain_text,
    torch_files,
)

Reader = Callable[[Path, int], Content]
_HEAD = 520
_MAGIC = (
    (b"\x93NUMPY", "npy"),
    (media.PNG, "png"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"PAR1", "parquet"),
)
_TEXT = {".csv": ",", ".tsv": "\t"}
_ZLIB = (".joblib", ".pkl", ".pickle", ".z")
"""Endings under which a file that begins as zlib does (two bytes are little) is taken for it."""


def kind_of(path: Path, name: str) -> str:
    """The format's name; `text` for other UTF-8 without zero bytes; `unknown` else.

    Args:
        name: the file's name in the run (the path may be a temporary one).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return _by_magic(path, name, head, size) or _by_name(name.lower(), head)


def _by_magic(path: Path, name: str, head: bytes, size: int) -> str | None:
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path, name)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    if hdf5.is_hdf5(head):
        return "hdf5"
    return "safetensors" if arrays.is_safetensors(head, size) else None


def _zip_kind(path: Path, name: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable(f"a damaged zip file: {error}") from error
    if sum(member.endswith("/data.pkl") for member in members) == 1:
        return "torch"
    return "npz" if name.endswith(".npz") else "zip"


def _by_name(name: str, head: bytes) -> str:
    suffix = name[name.rfind(".") :] if "." in name else ""
    if "tfevents" in name:
        return "tensorboard"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pickle"
    if suffix in _ZLIB and head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0:
        return "zlib"
    if suffix in (".json", ".jsonl", ".ndjson", ".ipynb", *_TEXT):
        return {".ipynb": "json", ".ndjson": "jsonl"}.get(suffix, suffix[1:])
    return "unknown" if b"\0" in head else "text"


def read(path: Path, kind: str, limit: int) -> Content:
    """The content of a file that is not a container.

    Args:
        limit: bytes that it may unpack to.

    Raises:
        Unreadable: the file is damaged, larger than `limit`, or of a format without a reader.
    """
    readers: dict[str, Reader] = {
        "torch": torch_files.read_zip,
        "npz": arrays.read_npz,
        "npy": lambda p, _: arrays.read_npy(p),
        "safetensors": lambda p, _: arrays.read_safetensors(p),
        "png": lambda p, _: media.read_png(p),
        "tensorboard": lambda p, _: media.read_events(p),
        "csv": lambda p, _: plain_text.read_csv(p, delimiter=","),
        "tsv": lambda p, _: plain_text.read_csv(p, delimiter="\t"),
        "json": lambda p, _: plain_text.read_json(p),
        "jsonl": lambda p, _: plain_text.read_json_lines(p),
        "text": lambda p, _: plain_text.read_lines(p),
        "pickle": lambda p, _: _pickle(p),
        "parquet": lambda p, _: parquet.read_parquet(p),
        "hdf5": hdf5.read_hdf5,
    }
    if kind not in readers:
        raise Unreadable("a format that no reader here knows")
    try:
        return readers[kind](path, limit)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise Unreadable(f"a damaged {kind} file: {error}") from error


def _pickle(path: Path) -> Content:
    with path.open("rb") as stream:
        if torch_files.is_legacy(stream):
            return torch_files.read_legacy(stream)
        return pickles.read(stream, joblib.raw, torch_files.in_pickle)
