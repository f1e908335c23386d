"""HDF5, by dataset and attribute, through h5py; nothing outside the file is followed or loaded."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from looking import look

from reprobox.kit import proc
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileVerdict

Fill = Callable[[Any], None]


def plain(file: Any) -> None:
    """One of each kind."""
    weights = file.create_dataset(
        "layers/dense/kernel", data=np.arange(600, dtype=np.float32).reshape(20, 30) / 7
    )
    weights.attrs["unit"] = "metre"
    file.attrs["steps"] = np.arange(4)
    file.attrs["made with"] = np.bytes_("keras")
    file["names"] = ["a", "", "long"]
    file["fixed"] = np.array([b"ab", b"c"])
    file["flags"] = np.array([True, False])
    file["big endian"] = np.arange(3, dtype=">i8")
    file["row"] = np.array(
        [(1, 2.5, b"x"), (2, 3.5, b"y")], dtype=[("n", "i4"), ("v", "f8"), ("s", "S1")]
    )
    ragged = file.create_dataset("ragged", (2,), dtype=h5py.vlen_dtype(np.int32))
    ragged[0], ragged[1] = [1, 2], [3]
    file["nothing"] = h5py.Empty("f4")
    file["points at"] = file["layers/dense"].ref
    file["soft"] = h5py.SoftLink("/flags")
    file["hard"] = file["flags"]
    file["layers/up"] = file["/"]
    file["kind"] = np.dtype("f8")
    file.create_group("empty")


def looked(
    tmp_path: Path, left: Fill, right: Fill, compare: str = "content", **rule: Any
) -> FileVerdict:
    """Compares two files; the right one is written another way (later layout, times, order), which
    is no content.
    """
    with h5py.File(tmp_path / "left.h5", "w") as file:
        left(file)
    with h5py.File(tmp_path / "right.h5", "w", libver="latest", track_order=True) as file:
        right(file)
    return look(
        tmp_path / "left.h5",
        tmp_path / "right.h5",
        OutputRule(pattern="*", compare=compare, **rule),
    )  # type: ignore[arg-type]


def test_another_layout_is_the_same_content(tmp_path: Path) -> None:
    def packed(file: Any) -> None:
        plain(file)
        kernel = file["layers/dense/kernel"][()]
        del file["layers/dense/kernel"]
        made = file.create_dataset(
            "layers/dense/kernel",
            data=kernel,
            chunks=(5, 5),
            compression="gzip",
            shuffle=True,
            track_times=True,
        )
        made.attrs["unit"] = "metre"

    assert looked(tmp_path, plain, packed).state == "equal-under-rule"
    found = looked(tmp_path, plain, packed, "bytes")
    assert (found.state, found.detail.format, found.detail.content) == (
        "different",
        "hdf5",
        "equal",
    )


def _nudged(file: Any) -> None:
    kernel = file["layers/dense/kernel"]
    kernel[3, 4] = np.nextafter(kernel[3, 4], np.float32(99))


CHANGES: dict[str, Fill] = {
    "/layers/dense/kernel": _nudged,
    "/layers/dense/kernel@unit": lambda file: file["layers/dense/kernel"].attrs.update(unit="foot"),
    "/@steps": lambda file: file.attrs.update(steps=np.arange(5)),
    "/@made with": lambda file: file.attrs.update({"made with": np.bytes_("torch")}),
    "/names[1]": lambda file: file["names"].__setitem__(1, "b"),
    "/fixed[0]": lambda file: file["fixed"].__setitem__(0, b"a"),
    "/flags": lambda file: file["flags"].__setitem__(1, True),
    "/big endian": lambda file: file["big endian"].__setitem__(2, 7),
    "/row.v": lambda file: file["row"].__setitem__(1, (2, 3.75, b"y")),
    "/row.s[1]": lambda file: file["row"].__setitem__(1, (2, 3.5, b"z")),
    "/ragged[1]": lambda file: file["ragged"].__setitem__(1, [4]),
    "/points at": lambda file: file["points at"].__setitem__((), file["layers"].ref),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_value_that_differs_is_found_by_its_path(tmp_path: Path, name: str) -> None:
    def changed(file: Any) -> None:
        plain(file)
        CHANGES[name](file)

    found = looked(tmp_path, plain, changed)
    assert (found.state, found.detail.first.name, found.detail.leaves_that_differ) == (
        "different",
        name,
        1,
    )
    if name == "/layers/dense/kernel":
        assert (found.detail.ulp, found.detail.first.index) == (1, (3, 4))
        assert looked(tmp_path, plain, changed, "tensors", ulp=1).state == "equal-under-rule"


@pytest.mark.parametrize(
    "path", ["layers/dense/kernel", "empty", "soft", "hard", "layers/up", "nothing", "kind"]
)
def test_what_is_missing_is_named(tmp_path: Path, path: str) -> None:
    def without(file: Any) -> None:
        plain(file)
        del file[path]

    found = looked(tmp_path, plain, without)
    assert found.state == "different"
    assert any(name.startswith(f"/{path}") for name in found.detail.missing)


def test_names_that_come_to_be_the_same_hide_nothing(tmp_path: Path) -> None:
    def written(value: int) -> Fill:
        def fill(file: Any) -> None:
            file["x"] = np.arange(3)
            file["x"].attrs["u"] = value
            file["x@u"] = 5

        return fill

    assert looked(tmp_path, written(1), written(1)).state == "equal-under-rule"
    assert looked(tmp_path, written(1), written(2)).state == "different"


def test_links_to_other_files_are_text_and_are_not_followed(tmp_path: Path) -> None:
    """The pipe that stands where the link points would hold the reader for ever."""
    os.mkfifo(tmp_path / "trap.h5")

    def linked(note: int) -> Fill:
        def fill(file: Any) -> None:
            file["out"] = h5py.ExternalLink(str(tmp_path / "trap.h5"), "/x")
            file["gone"] = h5py.SoftLink("/nowhere")
            file["note"] = note

        return fill

    assert looked(tmp_path, linked(1), linked(1)).state == "equal-under-rule"
    assert looked(tmp_path, linked(1), linked(2)).detail.first.name == "/note"


def test_data_in_other_files_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "raw")

    def outside(file: Any) -> None:
        file.create_dataset("x", (4,), dtype="i1", external=[(str(tmp_path / "raw"), 0, 4)])

    def virtual(file: Any) -> None:
        layout = h5py.VirtualLayout((4,), dtype="i1")
        layout[:] = h5py.VirtualSource(str(tmp_path / "raw"), "x", shape=(4,))
        file.create_virtual_dataset("x", layout)

    for fill in (outside, virtual):
        found = looked(tmp_path, fill, fill)
        assert (found.state, found.detail.why) == (
            "not-checked",
            "the data of /x lie in other files, which are not read",
        )


PLUGIN = """
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void here(void) { fopen(getenv("LOADED"), "w"); }
int H5PLget_plugin_type(void) { return 0; }
const void *H5PLget_plugin_info(void) { return 0; }
"""


@pytest.mark.parametrize("allowed", [False, True])
def test_a_filter_is_not_loaded_as_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    """A plugin is planted where HDF5 looks; without the word that `look` says to HDF5 it is loaded,
    so the trap is a trap.
    """
    (tmp_path / "plugin.c").write_text(PLUGIN)
    (tmp_path / "plugins").mkdir()
    assert proc.run(
        [
            "gcc",
            "-shared",
            "-fPIC",
            "-o",
            tmp_path / "plugins" / "libtrap.so",
            tmp_path / "plugin.c",
        ]
    ).ok
    planted = {"HDF5_PLUGIN_PATH": str(tmp_path / "plugins"), "LOADED": str(tmp_path / "loaded")}
    forget = "del os.environ['HDF5_PLUGIN_PRELOAD']" if allowed else ""
    (tmp_path / "sitecustomize.py").write_text(
        f"import os\nos.environ.update({planted})\n{forget}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def filtered(first: int) -> Fill:
        def fill(file: Any) -> None:
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plan.set_chunk((4,))
            plan.set_filter(
                300, h5py.h5z.FLAG_OPTIONAL
            )  # 300 is of the numbers that are left to plugins
            data = h5py.h5d.create(
                file.id, b"x", h5py.h5t.NATIVE_INT8, h5py.h5s.create_simple((4,)), plan
            )
            data.write_direct_chunk((0,), bytes([first, 2, 3, 4]))

        return fill

    found = looked(tmp_path, filtered(1), filtered(2))
    assert found.state == "not-checked"
    assert "/x cannot be read" in found.detail.why
    assert (tmp_path / "loaded").exists() == allowed


def test_more_than_a_reader_may_take_is_not_checked(tmp_path: Path) -> None:
    def bomb(file: Any) -> None:
        file.create_dataset("x", (1 << 40,), dtype="f8", chunks=True, fillvalue=0)

    assert "unpacks to more" in looked(tmp_path, bomb, bomb).detail.why


def test_a_block_before_it_and_a_file_within_a_zip_are_seen(tmp_path: Path) -> None:
    for side, layout in (("left", "earliest"), ("right", "latest")):
        with h5py.File(tmp_path / f"{side}.mat", "w", userblock_size=512, libver=layout) as file:
            plain(file)
        with zipfile.ZipFile(tmp_path / f"{side}.keras", "w") as archive:
            archive.write(tmp_path / f"{side}.mat", "model.weights.h5")
    for end in ("mat", "keras"):
        found = look(
            tmp_path / f"left.{end}",
            tmp_path / f"right.{end}",
            OutputRule(pattern="*", compare="content"),
        )
        assert found.state == "equal-under-rule", found.detail


def test_a_damaged_file_is_not_checked(tmp_path: Path) -> None:
    assert looked(tmp_path, plain, plain).state == "equal-under-rule"
    right = tmp_path / "right.h5"
    right.write_bytes(right.read_bytes()[:-400])
    found = look(tmp_path / "left.h5", right, OutputRule(pattern="*", compare="content"))
    assert found.state == "not-checked"
    assert "not a readable HDF5 file" in found.detail.why


def test_no_damage_of_one_byte_ends_in_anything_but_a_verdict(tmp_path: Path) -> None:
    looked(tmp_path, plain, plain)
    whole = (tmp_path / "right.h5").read_bytes()
    for place in range(8, len(whole), max(1, len(whole) // 25)):
        (tmp_path / "right.h5").write_bytes(
            whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        )
        found = look(
            tmp_path / "left.h5", tmp_path / "right.h5", OutputRule(pattern="*", compare="content")
        )
        assert found.state in ("not-checked", "different", "equal-under-rule")


def test_without_h5py_it_is_not_checked_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden" / "h5py"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('not here')\n")
    monkeypatch.syspath_prepend(str(hidden.parent))
    found = looked(tmp_path, plain, plain)
    assert found.state == "not-checked"
    assert "h5py, which is not installed" in found.detail.why
    assert looked(tmp_path, plain, plain, "bytes").state == "different"
