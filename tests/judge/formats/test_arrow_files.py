"""Arrow's files and streams: one table, whichever way it is divided and packed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from file_contents import content_of, plain, rest

from reprobox.judge.leaves import Unreadable

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"]})


def written(kind: Any = pa.ipc.new_file, batch: int = 10, **said: Any) -> bytes:
    out = io.BytesIO()
    with kind(out, TABLE.schema, options=pa.ipc.IpcWriteOptions(**said)) as writer:
        writer.write_table(TABLE, max_chunksize=batch)
    return out.getvalue()


def test_division_compression_and_the_kind_of_file_are_not_content(tmp_path: Path) -> None:
    ways = (written(), written(batch=1), written(compression="zstd"), written(pa.ipc.new_stream))
    found = [content_of(tmp_path, "t.arrow", data) for data in ways]
    assert all(plain(one) == plain(found[0]) for one in found)
    assert (plain(found[0])["a"], plain(found[0])["b[2]"]) == ([1, 2, 3], "z")
    assert [rest(one) for one in found] == [[], [], [], []]


def test_metadata_of_a_batch_and_categories_without_a_row_are_leaves(tmp_path: Path) -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array(["x", "unused"]))
    batch = pa.record_batch([column], names=["c"])
    out = io.BytesIO()
    with pa.ipc.new_stream(out, batch.schema) as writer:
        writer.write_batch(batch, custom_metadata={"epoch": "3"})
    found = plain(content_of(tmp_path, "t.arrows", out.getvalue()))
    assert found["<metadata of batch 0, 1 rows>.epoch"] == "3"
    assert found["<categories of c>"] == "['x', 'unused']"


def test_what_follows_a_stream_is_rest(tmp_path: Path) -> None:
    data = written(pa.ipc.new_stream)
    assert rest(content_of(tmp_path, "t.arrow", data + b"tail")) == [(len(data), 4)]


@pytest.mark.parametrize("cut", [9, 200])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    with pytest.raises(Unreadable, match="not a readable Arrow file"):
        content_of(tmp_path, "t.arrow", written()[:-cut])
