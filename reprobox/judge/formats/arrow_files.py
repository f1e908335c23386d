"""Arrow's own files: Feather and IPC, file or stream, through pyarrow where it is installed."""

from __future__ import annotations

import contextlib
from typing import Any

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import arrow_tables
from reprobox.judge.formats.format import Format, Head, library
from reprobox.judge.leaves import Unreadable

MAGIC = b"ARROW1\0\0"
_ENDINGS = (".arrow", ".arrows", ".feather")
_CONTINUES = b"\xff\xff\xff\xff"
LEFT_OUT = {
    "compression": "compression of buffers",
    "batches": "division into batches, where these have no metadata of their own",
    "padding": "bytes between buffers, and spare bytes of the last one's bits",
    "nulls": "what stands in memory where a value is null",
    "copy": "the second copy of the schema, at the beginning of a file",
    "writer": "pandas' version in its metadata",
}


def _read(file: File) -> Content:
    arrow = library("pyarrow", "Arrow", "parquet")
    ipc = library("pyarrow.ipc", "Arrow", "parquet")
    is_file = bytes(file.data[:8]) == MAGIC
    try:
        with contextlib.closing(arrow.OSFile(str(file.path), "rb")) as source:
            opened = ipc.open_file(source) if is_file else ipc.open_stream(source)
            table = _table(file, arrow, opened, is_file)
            end = file.size if is_file else source.tell()
    except (arrow.ArrowException, OSError) as error:
        raise Unreadable(f"not a readable Arrow file: {error}") from error
    arrow_tables.add(file, arrow, table)
    _order(file, arrow, table)
    if is_file:
        _account(file)
    else:
        file.leave_out(SEVERAL, 0, end)
    return file.content("arrow")


def _table(file: File, arrow: Any, opened: Any, is_file: bool) -> Any:
    """All batches as one table; what a file or a batch says besides, as leaves."""
    if is_file:
        metadata = _footer_metadata(file, opened)
        arrow_tables.metadata(file, "<metadata of the file>", metadata)
        numbers = range(opened.num_record_batches)
        found = [opened.get_batch_with_custom_metadata(number) for number in numbers]
    else:
        found = list(opened.iter_batches_with_custom_metadata())
    for place, one in enumerate(found):
        if one.custom_metadata:
            name = f"<metadata of batch {place}, {one.batch.num_rows} rows>"
            arrow_tables.metadata(file, name, one.custom_metadata)
    return arrow.Table.from_batches([one.batch for one in found], opened.schema)


def _footer_metadata(file: File, opened: Any) -> Any:
    """What a program wrote into the footer. Raises Unreadable where the library cannot say (before
    21), and there is something: field 4 of the flatbuffer Footer (Arrow's File.fbs).
    """
    if hasattr(opened, "metadata"):
        return opened.metadata
    data, end = file.data, file.size - 10
    start = end - int.from_bytes(data[end : end + 4], "little")
    table = start + int.from_bytes(data[start : start + 4], "little")
    fields = table - int.from_bytes(data[table : table + 4], "little", signed=True)
    size = int.from_bytes(data[fields : fields + 2], "little")
    if size >= 14 and any(data[fields + 12 : fields + 14]):
        raise Unreadable("an Arrow file with metadata that this version of pyarrow does not show")
    return None


def _account(file: File) -> None:
    """The magic, a body, the footer, its length and the magic again. Bytes of the body that no
    batch holds are padding to the library.
    """
    data, size = file.data, file.size
    length = int.from_bytes(data[size - 10 : size - 6], "little")
    if bytes(data[size - 6 :]) != MAGIC[:6] or length > size - 18:
        raise Unreadable("not a readable Arrow file: a damaged footer")
    file.read(0, 8)
    file.leave_out(SEVERAL, 8, size - 6)
    file.read(size - 6, size)


def _order(file: File, arrow: Any, table: Any) -> None:
    """Categories of a dictionary are part of a table in memory, also those that no row has."""
    for place, field in enumerate(table.schema):
        if arrow.types.is_dictionary(field.type):
            column = table.column(place).unify_dictionaries()
            for chunk in column.chunks[:1]:
                file.put(f"<categories of {field.name}>", str(chunk.dictionary.to_pylist()))


def _is_arrow(head: Head) -> bool:
    if head.first.startswith(MAGIC):
        return True
    return head.suffix in _ENDINGS and head.first.startswith(_CONTINUES)


FORMAT = Format(
    name="arrow",
    files=".arrow .feather, streams of Arrow",
    by="pyarrow",
    claims=_is_arrow,
    read=_read,
    left_out=LEFT_OUT,
    library="pyarrow",
    extra="parquet",
    not_checked={"refused": "files that pyarrow refuses"},
    beyond=arrow_tables.BEYOND,
)
