"""Files of joblib: a pickle with the bytes of arrays between its opcodes, plain or compressed;
never unpickled.
"""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from looking import look

from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileVerdict

NODES = np.dtype(
    {"names": ["left", "value"], "formats": ["i8", "f4"], "offsets": [0, 8], "itemsize": 16}
)


def model() -> dict[str, Any]:
    nodes = np.zeros(3, NODES)
    nodes["value"] = [0.5, 0.25, 0.125]
    return {
        "weights": np.arange(12.0).reshape(3, 4),
        "by column": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        "big endian": np.arange(4, dtype=">i4"),
        "nodes": nodes,
        "trees": np.array([np.arange(3.0), "x", None], dtype=object),
        "texts": np.array(["a", "bc"]),
        "when": np.array(["2026-11-20", "2026-11-21"], dtype="M8[D]"),
        "empty": np.zeros((0, 3)),
        "one": np.array(2.5),
        "flag": np.array([True, False]),
        "depth": 5,
    }


def looked(
    tmp_path: Path, left: Any, right: Any, ways: tuple[Any, Any] = (0, 0), name: str = "m.joblib"
) -> FileVerdict:
    for side, value, way in (("left", left, ways[0]), ("right", right, ways[1])):
        joblib.dump(value, tmp_path / side, compress=way)
    return look(
        tmp_path / "left", tmp_path / "right", OutputRule(pattern="*", compare="content"), path=name
    )


@pytest.mark.parametrize("method", ["zlib", "gzip", "bz2", "xz"])
def test_another_degree_of_compression_is_the_same_content(tmp_path: Path, method: str) -> None:
    found = looked(tmp_path, model(), model(), ((method, 1), (method, 9)))
    assert found.state == (
        "identical"
        if (tmp_path / "left").read_bytes() == (tmp_path / "right").read_bytes()
        else "equal-under-rule"
    )
    changed = model()
    changed["weights"][1, 2] = np.nextafter(6.0, 7.0)
    found = looked(tmp_path, model(), changed, ((method, 1), (method, 9)))
    assert (found.state, found.detail.ulp) == ("different", 1)
    assert found.detail.first.name.endswith("!weights")
    assert found.detail.first.index == (1, 2)


@pytest.mark.parametrize(
    ("key", "place", "value", "named"),
    [
        ("weights", (2, 3), 99.0, "weights"),
        ("by column", (0, 2), 99.0, "by column"),
        ("big endian", 3, 7, "big endian"),
        ("texts", 1, "bd", "texts"),
        ("when", 1, np.datetime64("2026-11-22"), "when"),
        ("one", (), 2.75, "one"),
        ("flag", 1, True, "flag"),
    ],
)
def test_one_value_that_differs_is_found_in_its_array(
    tmp_path: Path, key: str, place: Any, value: Any, named: str
) -> None:
    changed = model()
    changed[key][place] = value
    found = looked(tmp_path, model(), changed)
    assert (found.state, found.detail.format, found.detail.first.name) == (
        "different",
        "pickle",
        named,
    )
    assert (found.detail.count, found.detail.leaves_that_differ) == (1, 1)


def test_a_field_of_a_compound_type_is_named_and_the_bytes_between_fields_are_not_compared(
    tmp_path: Path,
) -> None:
    changed = model()
    changed["nodes"]["value"][2] = 0.75
    found = looked(tmp_path, model(), changed)
    assert (found.detail.first.name, found.detail.first.index) == ("nodes/value", (2,))
    padded = model()
    padded["nodes"].view(np.uint8)[13] = 9
    assert looked(tmp_path, model(), padded).state == "equal-under-rule"


def test_arrays_of_objects_are_read_within(tmp_path: Path) -> None:
    changed = model()
    changed["trees"][0][1] = 4.0
    found = looked(tmp_path, model(), changed)
    assert found.state == "different"
    assert found.detail.first.name.startswith("trees/")
    assert found.detail.first.index == (1,)


def test_nothing_behind_the_first_pickle_is_overlooked(tmp_path: Path) -> None:
    for side, second in (("left", 1), ("right", 2)):
        (tmp_path / side).write_bytes(pickle.dumps("same") + pickle.dumps({"n": second}))
    found = look(
        tmp_path / "left",
        tmp_path / "right",
        OutputRule(pattern="*", compare="content"),
        path="two.pkl",
    )
    assert (found.state, found.detail.first.name) == ("different", "pickle 2: n")


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch reached",)


def test_what_it_names_is_never_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    left, right = {"w": np.arange(3.0), "x": Evil()}, {"w": np.arange(4.0), "x": Evil()}
    assert looked(tmp_path, left, right).state == "different"
    assert not (tmp_path / "reached").exists()


def test_a_damaged_file_is_not_checked(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    joblib.dump({"w": np.arange(1000.0)}, buffer)
    for name, data in (
        ("cut.joblib", buffer.getvalue()[:400]),
        ("shape.joblib", buffer.getvalue().replace(b"M\xe8\x03", b"M\xff\xff")),
        ("object.joblib", buffer.getvalue().replace(b"\x02f8", b"\x02O8")),
        ("type.joblib", buffer.getvalue().replace(b"\x02f8", b"\x02q8")),
    ):
        assert data != buffer.getvalue()
        (tmp_path / "left").write_bytes(buffer.getvalue())
        (tmp_path / "right").write_bytes(data)
        found = look(
            tmp_path / "left",
            tmp_path / "right",
            OutputRule(pattern="*", compare="content"),
            path=name,
        )
        assert found.state == "not-checked", (name, found.detail)
        assert found.detail.why
