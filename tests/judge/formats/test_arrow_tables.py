"""Tables of Arrow as leaves: values, and apart from them which are null."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from file_contents import opened

from reprobox.judge.formats import arrow_tables
from reprobox.judge.tensors import Tensor


def leaves(folder: Path, table: Any) -> dict[str, Any]:
    file = opened(folder, "t.arrow", b"")
    arrow_tables.add(file, pa, table)
    return {
        name: leaf.load().tolist() if isinstance(leaf, Tensor) else leaf
        for name, leaf in file.leaves.items()
    }


def test_a_null_is_not_a_number(tmp_path: Path) -> None:
    found = leaves(tmp_path, pa.table({"n": [1, None], "f": [float("nan"), 0.5]}))
    assert (found["n"], found["n (nulls)"]) == ([1, 0], [False, True])
    assert str(found["f"]) == "[nan, 0.5]"
    assert "f (nulls)" not in found


def test_columns_of_one_name_and_of_other_kinds(tmp_path: Path) -> None:
    table = pa.Table.from_arrays(
        [pa.array(["a", None]), pa.array([[1, 2], []]), pa.array([{"k": True}, None])],
        names=["x", "x", "s"],
    )
    found = leaves(tmp_path, table)
    assert found["<rows>"] == 2
    assert "a" in found.values()
    assert found['s[0]["k"]'] is True
    assert [name for name in found if name.endswith("[0][1]")]


def test_a_dictionary_is_its_values_and_a_time_its_number(tmp_path: Path) -> None:
    table = pa.table(
        {
            "c": pa.array(["b", "a"]).dictionary_encode(),
            "t": pa.array([5], pa.timestamp("s")).take(pa.array([0, 0])),
        }
    )
    found = leaves(tmp_path, table)
    assert (found["c[0]"], found["c[1]"], found["t"]) == ("b", "a", [5, 5])


def test_the_metadata_of_pandas_without_its_version(tmp_path: Path) -> None:
    said = {"pandas_version": "9", "creator": {"library": "pyarrow"}, "columns": ["a"]}
    schema = pa.schema([pa.field("a", pa.int8(), metadata={"unit": "m"})])
    table = pa.Table.from_arrays([pa.array([1], pa.int8())], schema=schema)
    table = table.replace_schema_metadata({"pandas": json.dumps(said), "run": "7"})
    found = leaves(tmp_path, table)
    assert found["<metadata>.run"] == "7"
    assert found["<metadata of a>.unit"] == "m"
    assert found["<metadata>.pandas.columns[0]"] == "a"
    assert not [name for name in found if "version" in name or "creator" in name]
