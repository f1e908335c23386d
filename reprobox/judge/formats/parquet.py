"""Parquet through pyarrow, where it is installed: the schema, and each column by its values and by
which of them are null.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from reprobox.judge.content import MAX_LEAVES, Blob, Content, Leaf, Unreadable, columns, put
from reprobox.judge.formats import arrays


def read_parquet(path: Path) -> Content:
    """Numbers and times are an array a column, anything else a leaf a cell or more; compression and
    metadata are no content.

    Raises:
        Unreadable: pyarrow is not installed, or cannot read the file.
    """
    try:
        arrow, parquet = (
            importlib.import_module("pyarrow"),
            importlib.import_module("pyarrow.parquet"),
        )
    except ImportError as error:
        raise Unreadable(
            "parquet is read through pyarrow, which is not installed (pip install "
            "'reprobox[parquet]')"
        ) from error
    try:
        # One thread and no read-ahead: this process may have little.
        table = parquet.read_table(path, use_threads=False, pre_buffer=False)
        leaves: dict[str, Leaf] = {
            "<schema>": table.schema.remove_metadata().to_string(show_field_metadata=False)
        }
        for place, name in enumerate(columns(table.column_names)):
            for leaf, value in _column(arrow, name, table.column(place)).items():
                put(leaves, leaf, value)
    except (arrow.ArrowException, OSError) as error:
        raise Unreadable(f"not a readable parquet file: {error}") from error
    return Content(format="parquet", leaves=leaves)


def _column(arrow: Any, name: str, column: Any) -> dict[str, Leaf]:
    """Nulls apart from values: as an array, an integer column with a null would become floats, and
    null would be NaN.
    """
    kind, leaves = column.type, dict[str, Leaf]()
    if column.null_count:
        leaves[f"{name} (nulls)"] = arrays.of_array(column.is_null().to_numpy())
    if arrow.types.is_temporal(kind) and not arrow.types.is_interval(kind):
        column = column.cast(arrow.int64() if kind.bit_width == 64 else arrow.int32())
    types = arrow.types
    if (
        types.is_integer(column.type)
        or types.is_float32(column.type)
        or types.is_float64(column.type)
    ):
        leaves[name] = arrays.of_array(
            (column.fill_null(0) if column.null_count else column).to_numpy()
        )
        return leaves
    if len(column) > MAX_LEAVES:
        raise Unreadable("more values than a reader may take")
    for row, value in enumerate(column.to_pylist()):
        _cell(leaves, f"{name}[{row}]", value)
    return leaves


def _cell(leaves: dict[str, Leaf], name: str, value: Any) -> None:
    """A value of a column that is no array; lists and structures by their parts."""
    if isinstance(value, bool | int | float):
        put(leaves, name, value)
    elif isinstance(value, str | None):
        put(leaves, name, repr(value))
    elif isinstance(value, list) and value:
        for place, part in enumerate(value):
            _cell(leaves, f"{name}[{place}]", part)
    elif isinstance(value, dict) and value:
        for key, part in value.items():
            _cell(leaves, f"{name}[{key!r}]", part)
    else:
        put(leaves, name, Blob(repr(value)))
