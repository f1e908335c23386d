"""The table of formats: which one a file has, what reads it. Adding one is a module and a row."""

from __future__ import annotations

import hashlib
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import (
    arrow_files,
    csv_cells,
    gguf,
    hdf5,
    images,
    json_values,
    npy,
    npz,
    onnx_models,
    parquet,
    pickles,
    png,
    safetensors,
    sqlite_tables,
    streams,
    tars,
    tensorboard,
    text,
    torch_files,
    wandb_log,
    yaml_values,
    zips,
)
from reprobox.judge.formats.format import HEAD, Format, Head
from reprobox.judge.leaves import Unreadable

FORMATS: tuple[Format, ...] = (
    torch_files.ZIP,
    npz.FORMAT,
    zips.FORMAT,
    npy.FORMAT,
    png.FORMAT,
    *images.FORMATS,
    sqlite_tables.FORMAT,
    gguf.FORMAT,
    wandb_log.FORMAT,
    arrow_files.FORMAT,
    *streams.FORMATS,
    parquet.FORMAT,
    tars.FORMAT,
    hdf5.FORMAT,
    safetensors.FORMAT,
    tensorboard.FORMAT,
    torch_files.LEGACY,
    pickles.FORMAT,
    onnx_models.FORMAT,
    yaml_values.FORMAT,
    *json_values.FORMATS,
    *csv_cells.FORMATS,
    text.FORMAT,
)
"""The first that claims a file reads it: by first bytes before names, narrow before wide."""
NOT_CHECKED = {
    "unknown": "a format that no row names",
    "damaged": "a file that is damaged or cut off",
    "rest": "two files whose values agree while bytes that no reader accounts for differ: behind "
    "the end, in front of the beginning, between two parts",
    "twice": "a key, a member or a tag that comes twice where other programs would see one of them",
    "library": "a file whose library is not installed",
}
"""Which files of any format are *not checked*. A member of a container that is one of them is
compared by its bytes instead.
"""
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    SystemError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What libraries, and we, run into where a file is not what it says."""


def format_of(path: Path, name: str) -> Format | None:
    """The format of a file; None where none claims it.

    Args:
        name: the file's name in the run (the path may be a temporary one).
    """
    with path.open("rb") as file:
        first = file.read(HEAD)
    head = Head(first=first, name=name.lower(), size=path.stat().st_size, path=path)
    return next((format_ for format_ in FORMATS if format_.claims(head)), None)


_NAMED = 4
_COMPRESSED = ("packing", "compression")
"""Keys of what differs whenever anything else of the packing does."""


def packing(paths: Sequence[Path], sides: Sequence[Content]) -> list[str]:
    """What differs in the packing of two files of equal content, in words of `left_out`; where that
    is mixed with values, what their formats may hold there.
    """
    names = [one.partition(": ")[0] for one in sides[0].readers]
    known = {one.name: one.left_out for one in FORMATS}
    left_out = known.get(names[0] if names else "", {})
    bytes_ = [_packed(path, side) for path, side in zip(paths, sides, strict=True)]
    keys = [key for key in left_out if bytes_[0].get(key) != bytes_[1].get(key)]
    if telling := [left_out[key] for key in keys if key not in _COMPRESSED]:
        return telling
    held = {word: None for name in names for word in known.get(name, {}).values()}
    return [" or ".join(list(held)[:_NAMED])] if held else []


def _packed(path: Path, content: Content) -> dict[str, str]:
    """Digest of what was left out, by key."""
    digests: dict[str, Any] = {}
    with path.open("rb") as file:
        for span in content.left_out:
            if span.key not in (SEVERAL, *_COMPRESSED):
                file.seek(span.start)
                digest = digests.setdefault(span.key, hashlib.sha256())
                digest.update(file.read(span.end - span.start))
    return {key: digest.hexdigest() for key, digest in digests.items()}


def read(file: File) -> Content:
    """The content of a file.

    Raises:
        Unreadable: no reader knows the format, or the file is damaged or more than may be taken.
    """
    format_ = format_of(file.path, file.name)
    if format_ is None:
        raise Unreadable("a format that no reader here knows")
    try:
        content = format_.read(file)
    except DAMAGE as error:
        said = f": {error}" if str(error) else ""
        raise Unreadable(f"a damaged {format_.name} file{said}"[:400]) from error
    named = {*format_.left_out, *([SEVERAL] if format_.left_out else [])}
    unnamed = {span.key for span in content.left_out} - named
    if unnamed:
        raise Unreadable(
            f"the reader of {format_.name} leaves out what it does not name: {unnamed}"
        )
    return replace(content, readers=tuple(dict.fromkeys((format_.reader(), *content.readers))))
