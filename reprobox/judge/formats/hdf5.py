"""HDF5 through h5py, where it is installed: datasets and attributes by their path.

A file of HDF5 can point at other files (links, raw data elsewhere, virtual datasets) and name
filters that are loaded as code. Nothing outside the file is followed: a link is compared as the
text that it is, and data that lie elsewhere make the file one that is not read. Plugins are
switched off in the environment of the reader's process (`look`), before the library is there.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reprobox.judge.content import MAX_LEAVES, Content, Leaf, Unreadable
from reprobox.judge.formats import arrays
from reprobox.judge.tensors import Array, Tensor

MAGIC = b"\x89HDF\r\n\x1a\n"
_DEPTH = 100
_FAULTS = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError)


def is_hdf5(head: bytes) -> bool:
    """Whether a file's first bytes are HDF5's, also behind a block of 512 bytes of the user's
    (MATLAB writes one).
    """
    return head.startswith(MAGIC) or head[512:520] == MAGIC


def read_hdf5(path: Path, limit: int) -> Content:
    """Leaves: `path` of a dataset, `path@name` of an attribute, `path.field` of a compound type.

    They are sorted; chunks, compression, times and the order of creation are no content.

    Args:
        limit: bytes that all datasets together may have.

    Raises:
        Unreadable: h5py is not installed or cannot read the file, or its data lie in other files.
    """
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        raise Unreadable(
            "HDF5 is read through h5py, which is not installed (pip install 'reprobox[hdf5]')"
        ) from error
    try:
        # It stays open: arrays are read when they are compared, one at a time.
        file = h5py.File(path, "r", locking=False)
        walk = _Walk(h5py, file, limit)
        leaves: dict[str, Leaf] = {}
        for name, leaf in walk.group("", file, 0):
            leaves[_unused(leaves, name)] = leaf
            if len(leaves) > MAX_LEAVES:
                raise Unreadable("more values than a reader may take")
    except _FAULTS as error:
        raise Unreadable(f"not a readable HDF5 file: {error}") from error
    return Content(format="hdf5", leaves=leaves)


class _Walk:
    """Goes through one open file; each object once, because hard links may make a circle."""

    def __init__(self, h5py: Any, file: Any, limit: int) -> None:
        self._h5py, self._file, self._left = h5py, file, limit
        self._seen: dict[Any, str] = {}

    def group(self, path: str, group: Any, depth: int) -> Iterator[tuple[str, Leaf]]:
        """Everything below a group."""
        if depth > _DEPTH:
            raise Unreadable("an HDF5 file with groups within groups without end")
        self._seen[self._address(group)] = path or "/"
        yield from self._attributes(path or "/", group)
        if not len(group):
            yield f"{path or '/'} (group)", "empty"
        for name in sorted(group.keys()):
            yield from self._link(f"{path}/{name}", group, name, depth)

    def _link(self, path: str, group: Any, name: str, depth: int) -> Iterator[tuple[str, Leaf]]:
        link = group.get(name, getlink=True)
        if isinstance(link, self._h5py.ExternalLink):
            yield path, f"link to {link.path} in {link.filename}"
        elif isinstance(link, self._h5py.SoftLink):
            yield path, f"link to {link.path}"
        else:
            yield from self._object(path, group[name], depth)

    def _object(self, path: str, thing: Any, depth: int) -> Iterator[tuple[str, Leaf]]:
        before = self._seen.setdefault(self._address(thing), path)
        if before != path:
            yield path, f"the same object as {before}"
        elif isinstance(thing, self._h5py.Group):
            yield from self.group(path, thing, depth + 1)
        elif isinstance(thing, self._h5py.Dataset):
            yield from self._attributes(path, thing)
            yield from self._dataset(path, thing)
        else:
            yield path, f"type {thing.dtype}"

    def _address(self, thing: Any) -> Any:
        return self._h5py.h5o.get_info(thing.id).addr

    def _attributes(self, path: str, thing: Any) -> Iterator[tuple[str, Leaf]]:
        for name in sorted(thing.attrs.keys()):
            held = thing.attrs.get_id(name)
            self._take(int(np.prod(held.shape or (1,), dtype=object)) * held.dtype.itemsize)
            value = thing.attrs[name]
            if isinstance(value, self._h5py.Empty):
                yield f"{path}@{name}", f"empty {value.dtype}"
            else:
                yield from self._values(f"{path}@{name}", _array(value, held.dtype))

    def _dataset(self, path: str, data: Any) -> Iterator[tuple[str, Leaf]]:
        if data.is_virtual or data.id.get_create_plist().get_external_count():
            raise Unreadable(f"the data of {path} lie in other files, which are not read")
        if data.shape is None:
            yield path, f"empty {data.dtype}"
            return
        self._take(data.size * data.dtype.itemsize)
        if data.dtype.kind in "biufc":
            yield (
                path,
                Tensor(
                    dtype=str(data.dtype.newbyteorder("=")),
                    shape=tuple(data.shape),
                    load=lambda: _loaded(path, data),
                ),
            )
        else:
            yield from self._values(path, _array(data[()], data.dtype))

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise Unreadable("an HDF5 file that unpacks to more than a reader may take")

    def _values(self, path: str, array: Array) -> Iterator[tuple[str, Leaf]]:
        """Numbers as arrays, compound types by field, other bytes as bytes, texts, lists and
        references cell by cell.
        """
        if array.dtype.names is not None:
            for field in array.dtype.names:
                yield from self._values(f"{path}.{field}", array[field])
        elif array.dtype.kind in "biufc":
            yield path, arrays.of_array(array)
        elif array.dtype.kind == "V":
            yield (
                path,
                arrays.of_array(
                    np.frombuffer(array.tobytes(), np.uint8).reshape(
                        *array.shape, array.dtype.itemsize
                    )
                ),
            )
        elif array.size > MAX_LEAVES:
            raise Unreadable("more values than a reader may take")
        else:
            for place, value in np.ndenumerate(array):
                yield from self._cell(f"{path}{list(place) if place else ''}", value)

    def _cell(self, path: str, value: Any) -> Iterator[tuple[str, Leaf]]:
        if isinstance(value, np.ndarray):
            yield from self._values(path, value)
        elif isinstance(value, bytes):
            yield path, value.decode("utf-8", "backslashreplace")
        elif isinstance(value, self._h5py.RegionReference):
            raise Unreadable(f"a reference to a region at {path}")
        elif isinstance(value, self._h5py.Reference):
            named = self._h5py.h5r.get_name(value, self._file.id) if value else None
            yield (
                path,
                f"reference to {named.decode('utf-8', 'backslashreplace') if named else 'nothing'}",
            )
        else:
            yield path, str(value)


def _unused(leaves: dict[str, Leaf], name: str) -> str:
    """Names of HDF5 may hold any sign but the slash, so two leaves may come to be called the same."""
    while name in leaves:
        name += "'"
    return name


def _array(value: Any, dtype: Any) -> Array:
    """A value as h5py gives it; a single text or reference stays an object, or NumPy would cut
    zeros off its end.
    """
    if isinstance(value, np.ndarray) or dtype.kind != "O":
        return np.asarray(value)
    held = np.empty((), dtype=object)
    held[()] = value
    return held


def _loaded(path: str, data: Any) -> Array:
    try:
        array: Array = data[()]
    except _FAULTS as error:
        raise Unreadable(f"the data of {path} cannot be read: {error}") from error
    return np.asarray(array).astype(array.dtype.newbyteorder("="), copy=False)
