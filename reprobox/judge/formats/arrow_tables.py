"""Tables of Arrow as leaves, whichever file they come from: the schema with its metadata, and each
column by its values and by which of them are null.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from reprobox.judge.accounting import File
from reprobox.judge.formats import arrays, csv_cells, json_values
from reprobox.judge.leaves import Blob, Rows, Unreadable

_MAX_CELLS = 20_000_000
BEYOND = (f"more than {_MAX_CELLS:,} cells of a column that does not hold numbers",)
WRITERS = ("creator", "pandas_version")
"""What pandas' metadata say of the program and not of the table."""


def add(file: File, arrow: Any, table: Any) -> None:
    """Adds the leaves of a table."""
    file.put("<schema>", table.schema.remove_metadata().to_string(show_field_metadata=False))
    file.put("<rows>", int(table.num_rows))
    metadata(file, "<metadata>", table.schema.metadata)
    for field in table.schema:
        metadata(file, f"<metadata of {field.name}>", field.metadata)
    for place, name in enumerate(csv_cells.columns(table.column_names)):
        _column(file, arrow, name, table.column(place))


def metadata(file: File, name: str, found: Any) -> None:
    """Adds metadata key by key; those of pandas by their own keys, without its version."""
    for key, value in sorted((found or {}).items()):
        shown = f"{name}{json_values.key(key.decode('utf-8', 'backslashreplace'))}"
        if key == b"pandas":
            said = json_values.parse(value.decode())
            for writer in WRITERS:
                said.pop(writer, None)
            json_values.walk(file, shown, said)
        else:
            file.put(shown, value.decode("utf-8", "backslashreplace"))


def _column(file: File, arrow: Any, name: str, column: Any) -> None:
    """Nulls apart from values: as an array, an integer column with a null would become floats, and
    null would be NaN.
    """
    types = arrow.types
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if column.null_count:
        file.put(f"{name} (nulls)", arrays.of_array(column.is_null().to_numpy()))
    if types.is_temporal(kind) and not types.is_interval(kind):
        column = column.cast(arrow.int64() if kind.bit_width == 64 else arrow.int32())
    if types.is_integer(column.type) or types.is_floating(column.type):
        filled = column.fill_null(arrow.scalar(0, column.type)) if column.null_count else column
        file.put(name, arrays.of_array(np.asarray(filled.to_numpy())))
        return
    if len(column) > _MAX_CELLS:
        raise Unreadable("more values than a reader may take")
    values = column.to_pylist()
    if all(isinstance(value, str | bool | int | None) for value in values):
        file.put_rows(name, Rows(values))
        return
    for row, value in enumerate(values):
        _cell(file, f"{name}[{row}]", value)


def _cell(file: File, name: str, value: Any) -> None:
    """A value of a column that is not an array; lists and structures by their parts."""
    if isinstance(value, bool | int | float | str | None):
        file.put(name, value)
    elif isinstance(value, list) and value:
        for place, part in enumerate(value):
            _cell(file, f"{name}[{place}]", part)
    elif isinstance(value, dict) and value:
        for key, part in value.items():
            _cell(file, f"{name}[{json.dumps(key)}]", part)
    else:
        file.put(name, Blob(repr(value)))
