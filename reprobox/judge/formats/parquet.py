"""Parquet through pyarrow, where it is installed.

The footer and the headers of pages are also walked here, since the library does not say which
bytes of the file it did not look at (parquet.thrift, version 2.11).
"""

from __future__ import annotations

from typing import Any

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import arrow_tables, thrift
from reprobox.judge.formats.format import Format, Head, library
from reprobox.judge.leaves import Unreadable

MAGIC = b"PAR1"
_FOOTER = {1, 2, 3, 4, 5, 6, 7}
"""Fields of FileMetaData that are known; a file with others has something that is not read."""
LEFT_OUT = {
    "compression": "compression of pages",
    "encoding": "encoding of pages, dictionaries among them",
    "division": "division into row groups and pages",
    "checksums": "checksums of pages",
    "statistics": "statistics, page indexes and Bloom filters",
    "writer": "name of the writer, and pandas' version in its metadata",
}


def _read(file: File) -> Content:
    arrow = library("pyarrow", "parquet", "parquet")
    parquet = library("pyarrow.parquet", "parquet", "parquet")
    _account(file)
    try:
        # One thread and no read-ahead: this process may have little.
        table = parquet.ParquetFile(
            file.path, pre_buffer=False, page_checksum_verification=True
        ).read(use_threads=False)
    except (arrow.ArrowException, OSError) as error:
        raise Unreadable(f"not a readable parquet file: {error}") from error
    arrow_tables.add(file, arrow, table)
    return file.content("parquet")


def _account(file: File) -> None:
    data, size = file.data, file.size
    length = int.from_bytes(data[size - 8 : size - 4], "little")
    start = size - 8 - length
    if bytes(data[size - 4 :]) != MAGIC or start < 4:
        raise Unreadable("not a readable parquet file: an encrypted or damaged footer")
    footer, end = thrift.struct(data, start)
    if set(footer) - _FOOTER or end > size - 8:
        raise Unreadable("a parquet file with a footer of an unknown kind")
    file.read(0, 4)
    file.leave_out(SEVERAL, start, end)
    file.read(size - 8, size)
    for group in footer.get(4, []):
        for chunk in group.get(1, []):
            _chunk(file, data, chunk)


def _chunk(file: File, data: Any, chunk: thrift.Struct) -> None:
    """ColumnChunk: file_path 1, meta_data 3, offset and length of the offset index 4 and 5, of the
    column index 6 and 7.
    """
    about = chunk.get(3)
    if 1 in chunk or not isinstance(about, dict):
        raise Unreadable("a parquet file whose data lie in another file")
    for offset, length in (
        (chunk.get(4), chunk.get(5)),
        (chunk.get(6), chunk.get(7)),
        (about.get(14), about.get(15)),
    ):
        if offset and length:
            file.leave_out("statistics", offset, offset + length)
    first = min(place for place in (about.get(9), about.get(11)) if place)
    end = first + about[7]
    _pages(file, data, first, end)
    # Arrow writes the ColumnChunk a second time behind its pages until version 17 (`file_offset`).
    if chunk.get(2) == end:
        copy, behind = thrift.struct(data, end)
        if copy == {2: end, 3: about}:
            file.leave_out(SEVERAL, end, behind)


def _pages(file: File, data: Any, place: int, end: int) -> None:
    """PageHeader: uncompressed size 2, compressed size 3. What follows the last page is rest."""
    while place < end:
        header, after = thrift.struct(data, place)
        size = header[3]
        if size < 0 or after + size > end:
            raise Unreadable("a parquet file with a page that is cut off")
        file.leave_out(SEVERAL, place, after + size)
        place = after + size


def _is_parquet(head: Head) -> bool:
    return head.first.startswith(MAGIC)


FORMAT = Format(
    name="parquet",
    files=".parquet",
    by="pyarrow",
    claims=_is_parquet,
    read=_read,
    left_out=LEFT_OUT,
    library="pyarrow",
    extra="parquet",
    not_checked={
        "encrypted": "encrypted files",
        "elsewhere": "files whose data lie in another file",
    },
    beyond=arrow_tables.BEYOND,
)
