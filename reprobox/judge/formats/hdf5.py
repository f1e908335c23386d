"""HDF5 through h5py, where it is installed: datasets and attributes by their path.

A file of HDF5 can point at other files (links, raw data elsewhere, virtual datasets) and name
filters that are loaded as code. Nothing outside the file is followed: a link is compared as the
text that it is, and data that lie elsewhere make the file one that is not read. Plugins are
switched off in the environment of the reader's process, before the library is there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import arrays
from reprobox.judge.formats.format import Format, Head, library
from reprobox.judge.leaves import Blob, Leaf, Rows, Unreadable, put, put_rows, segment
from reprobox.judge.tensors import Array, Tensor

MAGIC = b"\x89HDF\r\n\x1a\n"
_DEPTH = 100
_FAULTS = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError)
LEFT_OUT = {
    "chunks": "division of datasets into chunks",
    "filters": "filters of chunks: compression, shuffling, checksums",
    "byte-order": "byte order of numbers",
    "fill": "fill value of a dataset of which every value was written",
    "maximum": "maximal shape of a dataset",
    "order": "order in which objects were made",
    "times": "times of objects",
    "space": "version of the layout, addresses of objects, unused space",
    "comments": "comments of objects, which h5py does not read",
}


def _read(file: File) -> Content:
    """Leaves: `path` of a dataset, `path@name` of an attribute, `path.field` of a compound type;
    `path<type>` where the type says more than the values, `path<shape>` of texts.
    """
    h5py = library("h5py", "HDF5", "hdf5")
    try:
        # It stays open: arrays are read when they are compared, one at a time.
        opened = h5py.File(file.path, "r", locking=False)
        _Walk(h5py, opened, file).group("", opened, 0)
    except _FAULTS as error:
        raise Unreadable(f"not a readable HDF5 file: {error}") from error
    start, end = _extent(bytes(file.data[: 1024 + 64]))
    file.leave_out(SEVERAL, start, min(end, file.size))
    return file.content("hdf5", file.leaves)


def _extent(head: bytes) -> tuple[int, int]:
    """Where the library's part begins, behind a block of the user's, and where it ends: base and
    end of file address of the superblock (HDF5 file format specification, section II.A).
    """
    start = 0 if head.startswith(MAGIC) else 512
    version, sizes = head[start + 8], start + (13 if head[start + 8] < 2 else 9)
    width = head[sizes]
    base = start + (24 if version == 0 else 28 if version == 1 else 12)
    places = [
        int.from_bytes(head[base + n * width : base + (n + 1) * width], "little") for n in (0, 2)
    ]
    return start, places[0] + places[1] if places[0] != start or version < 2 else places[1]


class _Walk:
    """Goes through one open file; each object once, because hard links may make a circle."""

    def __init__(self, h5py: Any, opened: Any, file: File) -> None:
        self._h5py, self._opened, self._file = h5py, opened, file
        self._seen: dict[Any, str] = {}

    def _put(self, name: str, leaf: Leaf) -> None:
        put(self._file.leaves, name, leaf)

    def group(self, path: str, group: Any, depth: int) -> None:
        """Everything below a group."""
        if depth > _DEPTH:
            raise Unreadable("an HDF5 file with groups within groups without end")
        self._seen[self._address(group)] = path or "/"
        self._about(path or "/", group)
        if not len(group):
            self._put(f"{path or '/'} (group)", "empty")
        for name in sorted(group.keys()):
            self._link(f"{path}/{_segment(name)}", group, name, depth)

    def _about(self, path: str, thing: Any) -> None:
        for name in sorted(thing.attrs.keys()):
            held = thing.attrs.get_id(name)
            self._file.inside.take(math.prod(held.shape or (1,)) * held.dtype.itemsize)
            where = f"{path}@{_segment(name)}"
            value = thing.attrs[name]
            self._type(where, held.get_type(), held.dtype)
            if isinstance(value, self._h5py.Empty):
                self._put(where, "empty")
            else:
                self._values(where, _array(value, held.dtype))

    def _link(self, path: str, group: Any, name: str, depth: int) -> None:
        link = group.get(name, getlink=True)
        if isinstance(link, self._h5py.ExternalLink):
            self._put(path, f"link to {link.path} in {link.filename}")
        elif isinstance(link, self._h5py.SoftLink):
            self._put(path, f"link to {link.path}")
        else:
            self._object(path, group[name], depth)

    def _object(self, path: str, thing: Any, depth: int) -> None:
        before = self._seen.setdefault(self._address(thing), path)
        if before != path:
            self._put(path, f"the same object as {before}")
        elif isinstance(thing, self._h5py.Group):
            self.group(path, thing, depth + 1)
        elif isinstance(thing, self._h5py.Dataset):
            self._about(path, thing)
            self._dataset(path, thing)
        else:
            self._about(path, thing)
            self._put(path, f"type {_type_text(self._h5py, thing.id)}")

    def _address(self, thing: Any) -> Any:
        return self._h5py.h5o.get_info(thing.id).addr

    def _type(self, path: str, kind: Any, dtype: Any) -> None:
        """Says the type where NumPy's does not say all of it: enumerations, texts, lists, named
        types.
        """
        text = _type_text(self._h5py, kind)
        if dtype.kind not in "iufc" or dtype.metadata or kind.committed():
            self._put(f"{path}<type>", text)

    def _dataset(self, path: str, data: Any) -> None:
        if data.is_virtual or data.id.get_create_plist().get_external_count():
            raise Unreadable(f"the data of {path} lie in other files, which are not read")
        self._type(path, data.id.get_type(), data.dtype)
        if data.shape is None:
            self._put(path, f"empty {data.dtype}")
            return
        self._file.inside.take(data.size * data.dtype.itemsize)
        if data.dtype.kind in "biufc":
            self._put(
                path,
                Tensor(
                    dtype=str(data.dtype.newbyteorder("=")),
                    shape=tuple(data.shape),
                    load=lambda: _loaded(path, data),
                ),
            )
        else:
            self._values(path, _array(data[()], data.dtype))

    def _values(self, path: str, array: Array) -> None:
        """Numbers as arrays, compound types by field, other bytes as bytes, texts, lists and
        references cell by cell.
        """
        if array.dtype.names is not None:
            self._put(f"{path}<shape>", str(list(array.shape)))
            for field in array.dtype.names:
                self._values(f"{path}.{_segment(field)}", array[field])
        elif array.dtype.kind in "biufcV":
            found = arrays.by_field(array)
            self._put(path, found)
        elif array.shape == ():
            self._cell(path, array[()])
        else:
            self._put(f"{path}<shape>", str(list(array.shape)))
            self._cells(path, array)

    def _cells(self, path: str, array: Array) -> None:
        flat = array.reshape(-1)
        if array.ndim == 1 and all(isinstance(value, bytes) for value in flat):
            put_rows(self._file.leaves, path, Rows([_text(value) for value in flat]))
            return
        for place, value in np.ndenumerate(array):
            self._cell(f"{path}{list(place)}", value)

    def _cell(self, path: str, value: Any) -> None:
        if isinstance(value, np.ndarray):
            self._put(f"{path}<list>", str(value.dtype))
            self._values(path, value)
        elif isinstance(value, bytes):
            self._put(path, _text(value))
        elif isinstance(value, self._h5py.RegionReference):
            raise Unreadable(f"a reference to a region at {path}")
        elif isinstance(value, self._h5py.Reference):
            named = self._h5py.h5r.get_name(value, self._opened.id) if value else None
            self._put(path, f"reference to {_text(named) if named else 'nothing'}")
        else:
            self._put(path, str(value))


def _text(value: bytes) -> str:
    """Text as it is; what is not UTF-8 stays apart from what is."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Blob(f"bytes {value.hex()}")


def _segment(name: str) -> str:
    """A name in a path. Blanks and hyphens are plain, `@` and `.` would be ambiguous: quoted."""
    return segment(name.encode("utf-8", "surrogateescape"))


def _type_text(h5py: Any, kind: Any) -> str:
    """A type in full, but for the order of bytes and the places of fields."""
    h5t = h5py.h5t
    name = type(kind).__name__.removeprefix("Type").removesuffix("ID").lower()
    if isinstance(kind, h5t.TypeEnumID):
        members = [
            (kind.get_member_name(n).decode("utf-8", "replace"), kind.get_member_value(n))
            for n in range(kind.get_nmembers())
        ]
        return f"enum of {_type_text(h5py, kind.get_super())} {sorted(members, key=str)}"
    if isinstance(kind, h5t.TypeStringID):
        length = "any length" if kind.is_variable_str() else f"{kind.get_size()} bytes"
        return f"text of {length}, padding {kind.get_strpad()}, charset {kind.get_cset()}"
    if isinstance(kind, h5t.TypeCompoundID):
        fields = [
            f"{kind.get_member_name(n).decode('utf-8', 'replace')!r}: "
            f"{_type_text(h5py, kind.get_member_type(n))}"
            for n in range(kind.get_nmembers())
        ]
        return "{" + ", ".join(fields) + "}"
    if isinstance(kind, h5t.TypeVlenID):
        return f"list of {_type_text(h5py, kind.get_super())}"
    if isinstance(kind, h5t.TypeArrayID):
        return f"{_type_text(h5py, kind.get_super())}{list(kind.get_array_dims())}"
    if isinstance(kind, h5t.TypeOpaqueID):
        return f"bytes {kind.get_size()} tag {kind.get_tag()!r}"
    if isinstance(kind, h5t.TypeIntegerID):
        sign = "" if kind.get_sign() else "u"
        return f"{sign}int{kind.get_size() * 8} of {kind.get_precision()} bits"
    if isinstance(kind, h5t.TypeFloatID):
        return f"float{kind.get_size() * 8} {kind.get_fields()} bias {kind.get_ebias()}"
    return f"{name} of {kind.get_size()} bytes"


def _array(value: Any, dtype: Any) -> Array:
    """A value as h5py gives it; a single text or reference stays an object, or NumPy would cut
    zeros off its end.
    """
    if isinstance(value, np.ndarray) or dtype.kind != "O":
        return np.asarray(value)
    held = np.empty((), dtype=object)
    held[()] = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return held


def _loaded(path: str, data: Any) -> Array:
    try:
        array: Array = data[()]
    except _FAULTS as error:
        raise Unreadable(f"the data of {path} cannot be read: {error}") from error
    return np.asarray(array).astype(array.dtype.newbyteorder("="), copy=False)


def is_hdf5(head: Head) -> bool:
    """Whether a file's first bytes are HDF5's, also behind a block of 512 bytes of the user's
    (MATLAB writes one).
    """
    return head.first.startswith(MAGIC) or head.first[512:520] == MAGIC


FORMAT = Format(
    name="hdf5",
    files="HDF5 (Keras, PyTables, MATLAB 7.3)",
    by="h5py",
    claims=is_hdf5,
    read=_read,
    left_out=LEFT_OUT,
    library="h5py",
    extra="hdf5",
    not_checked={
        "elsewhere": "data in other files",
        "virtual": "virtual datasets",
        "regions": "references to regions",
        "plugins": "filters that are plugins",
        "blocks": "blocks of the user that differ",
    },
    beyond=(f"groups {_DEPTH} deep",),
)
