"""Every value of a file is a leaf, each under a name of its own: nothing is dropped, overwritten or taken for something else."""

from __future__ import annotations

import contextlib
import io
import pickle
import stat
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_python import torch_python

from reprobox.judge.canonical import Unpacker
from reprobox.judge.content import Unreadable, compare
from reprobox.judge.look import look
from reprobox.judge.tensors import Tolerance
from reprobox.kit import proc
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileVerdict

Looked = Callable[[str, bytes, bytes], FileVerdict]


@pytest.fixture
def looked(tmp_path: Path) -> Looked:
    """The verdict of two files of one name under rule `content`."""

    def answer(name: str, left: bytes, right: bytes) -> FileVerdict:
        for side, data in (("left", left), ("right", right)):
            (tmp_path / side).mkdir(exist_ok=True)
            (tmp_path / side / name).write_bytes(data)
        return look(tmp_path / "left" / name, tmp_path / "right" / name, OutputRule(pattern="*", compare="content"))

    return answer


# ---- containers


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", major: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.devmajor = kind, link, major
    return info


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    file = io.BytesIO()
    names = [name if isinstance(name, str) else name.filename for name, _ in members]
    warned = pytest.warns(UserWarning, match="Duplicate name") if len(set(names)) < len(names) else contextlib.nullcontext()
    with warned, zipfile.ZipFile(file, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    "pack", [lambda *names: tarred(*((entry(n), b"x") for n in names)), lambda *n: zipped(*((m, b"x") for m in n))]
)
def test_a_container_of_too_many_members_is_not_read_in_part(tmp_path: Path, pack: Callable[..., bytes]) -> None:
    (tmp_path / "file").write_bytes(pack("a", "b", "c"))
    for number, members in enumerate((3, 2)):
        (tmp_path / str(number)).mkdir()
        unpacker = Unpacker(tmp_path / str(number), 1 << 20, members)
        if members == 3:
            assert "c!line 1" in unpacker.read(tmp_path / "file", "file").leaves
        else:
            with pytest.raises(Unreadable, match="more members"):
                unpacker.read(tmp_path / "file", "file")


LINKS = [
    ("link!", entry("link", tarfile.SYMTYPE, "a"), entry("link", tarfile.SYMTYPE, "b")),
    ("link!", entry("link", tarfile.LNKTYPE, "a"), entry("link", tarfile.LNKTYPE, "b")),
    ("link!", entry("link", tarfile.SYMTYPE, "a"), entry("link", tarfile.LNKTYPE, "a")),
    ("d!", entry("d", tarfile.DIRTYPE), entry("d", tarfile.FIFOTYPE)),
    ("d!", entry("d", tarfile.CHRTYPE, major=1), entry("d", tarfile.CHRTYPE, major=2)),
]


@pytest.mark.parametrize(("name", "left", "right"), LINKS)
def test_a_member_that_is_no_file_counts_too(looked: Looked, name: str, left: tarfile.TarInfo, right: tarfile.TarInfo) -> None:
    files = (entry("a"), b"1"), (entry("b"), b"2")
    found = looked("x.tar", tarred(*files, (left, b"")), tarred(*files, (right, b"")))
    assert (found.state, found.detail["first"]["name"]) == ("different", name)
    absent = looked("x.tar", tarred(*files, (left, b"")), tarred(*files))
    assert (absent.state, absent.detail["missing"]) == ("different", [name])


def test_links_and_directories_of_a_zip_count_too(looked: Looked) -> None:
    def link() -> zipfile.ZipInfo:
        info = zipfile.ZipInfo("l")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        return info

    assert looked("x.zip", zipped((link(), b"a")), zipped((link(), b"b"))).detail["first"]["left"] == "link to a"
    assert looked("x.zip", zipped((link(), b"a")), zipped(("l", b"a"))).state == "different"
    assert looked("x.zip", zipped(("a", b"1"), ("d/", b"")), zipped(("a", b"1"))).detail["missing"] == ["d/!"]


@pytest.mark.parametrize("make", [lambda *m: tarred(*((entry(n), d) for n, d in m)), zipped])
def test_two_members_of_one_name_are_not_checked(looked: Looked, make: Callable[..., bytes]) -> None:
    found = looked("x.bin", make(("a", b"1"), ("a", b"2")), make(("a", b"9"), ("a", b"2")))
    assert (found.state, found.detail["why"].partition(":")[0]) == ("not-checked", "two values of one name")


def test_a_member_is_not_taken_for_a_member_of_a_member(looked: Looked) -> None:
    inner = zipped(("b", b"x"))
    assert looked("x.zip", zipped(("a", inner)), zipped(("a!b", b"x"))).state == "different"
    both = zipped(("a", inner), ("a!b", b"1")), zipped(("a", inner), ("a!b", b"2"))
    assert looked("x.zip", *both).detail["first"]["name"] == '"a!b"!line 1'


def test_a_member_of_another_format_differs(looked: Looked) -> None:
    array, file = np.arange(3.0), io.BytesIO()
    np.save(file, array)
    found = looked("x.zip", zipped(("m", file.getvalue())), zipped(("m", pickle.dumps({"array": array}))))
    assert (found.state, found.detail["first"]) == ("different", {"name": "m!", "left": "npy", "right": "pickle"})


# ---- files of one format


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """As the reader's process does it, in this one."""

    def answer(name: str, left: bytes, right: bytes, **tolerance: float) -> dict[str, Any]:
        sides = []
        for side, data in (("left", left), ("right", right)):
            place = tmp_path / f"{side}-{len(list(tmp_path.iterdir()))}"
            place.mkdir()
            (place / name).write_bytes(data)
            sides.append(Unpacker(place, 1 << 20).read(place / name, name))
        return compare(sides[0], sides[1], Tolerance(**tolerance))  # type: ignore[arg-type]

    return answer


class Point:
    """Keys of a dictionary that look alike and are not one."""


def twins(first: float, second: float) -> bytes:
    return pickle.dumps({Point(): first, Point(): second})


def saved(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def safetensors(header: str) -> bytes:
    return struct.pack("<Q", len(header)) + header.encode() + bytes(range(8))


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def event(*fields: bytes) -> bytes:
    """One event of TensorBoard at step 1."""
    data = b"\x10\x01" + b"".join(fields)
    return struct.pack("<Q", len(data)) + bytes(4) + data + bytes(4)


def summary(tag: str, *fields: bytes) -> bytes:
    return event(field(5, field(1, field(1, tag.encode()) + b"".join(fields))))


TENSORBOARD = "events.out.tfevents.1"
DIFFERENT: dict[str, tuple[str, bytes, bytes]] = {
    "json: a key with a dot": ("a.json", b'{"a":{"b":1},"a.b":2}', b'{"a":{"b":999},"a.b":2}'),
    "json: a dot or a level": ("a.json", b'{"a":{"b":1}}', b'{"a.b":1}'),
    "json: a bracket or a place": ("a.json", b'{"a":[1]}', b'{"a[0]":1}'),
    "json: a quote": ("a.json", b'{"a":{"b.c":1}}', b'{"a[\\"b.c\\"]":1}'),
    "json: an empty key": ("a.json", b'{"a":{"":1}}', b'{"a.":1}'),
    "json: empty or text": ("a.json", b'{"a":{},"b":[]}', b'{"a":"{}","b":"[]"}'),
    "json: empty or empty": ("a.json", b'{"a":{}}', b'{"a":[]}'),
    "jsonl: a key with a dot": ("a.jsonl", b'{"a":{"b":1},"a.b":2}', b'{"a":{"b":9},"a.b":2}'),
    "pickle: a number or a text": ("a.pkl", pickle.dumps({1: 0.5, "1": 2}), pickle.dumps({1: 0.9, "1": 2})),
    "pickle: a dot or a level": ("a.pkl", pickle.dumps({"a": {"b": 1}}), pickle.dumps({"a.b": 1})),
    "pickle: a slash or a level": ("a.pkl", pickle.dumps({"a": {"b": 1}}), pickle.dumps({"a/b": 1})),
    "pickle: a list or a tuple": ("a.pkl", pickle.dumps([1, 2]), pickle.dumps((1, 2))),
    "pickle: a list or a dictionary": ("a.pkl", pickle.dumps([1, 2]), pickle.dumps({0: 1, 1: 2})),
    "pickle: bytes or text": ("a.pkl", pickle.dumps({"a": b"a"}), pickle.dumps({"a": "61"})),
    "pickle: a name or text": ("a.pkl", pickle.dumps({"a": int}), pickle.dumps({"a": "builtins.int"})),
    "pickle: a value or its name": ("a.pkl", pickle.dumps(5), pickle.dumps({"value": 5})),
    "pickle: empty or text": ("a.pkl", pickle.dumps({}), pickle.dumps({"<empty>": "dict"})),
    "pickle: one or two": ("a.pkl", pickle.dumps({"a": 1}) + pickle.dumps({"b": 2}), pickle.dumps({"a": 1, "pickle 2: b": 2})),
    "csv: columns of one name": ("a.csv", b"x,x,y\na,b,1\n", b"x,x,y\nz,b,1\n"),
    "csv: columns of one name, and one called so": (
        "a.csv",
        b"x,x,x (column 1)\n1,2,3\n",
        b"x,x,x (column 1)\n1,9,3\n",
    ),
    "csv: a column called as a cell": ("a.csv", b"x,x[0]\na,1\n", b"x,x[0]\nb,1\n"),
    "csv: a column called as the header": ("a.csv", b"<header>\n1\n", b"<header>\n2\n"),
    "csv: a column without a name": ("a.csv", b",column 0\n1,2\n", b",column 0\n9,2\n"),
    "tensorboard: histograms of one tag and step": (
        TENSORBOARD,
        summary("h", field(5, double(2, 3.0))) + summary("h", field(5, double(2, 4.0))),
        summary("h", field(5, double(2, 9.0))) + summary("h", field(5, double(2, 4.0))),
    ),
    "tensorboard: a graph": (TENSORBOARD, event(field(4, b"one")), event(field(4, b"two"))),
    "tensorboard: what a plugin is told": (
        TENSORBOARD,
        summary("t", field(8, field(5, struct.pack("<f", 1))), field(9, b"one")),
        summary("t", field(8, field(5, struct.pack("<f", 1))), field(9, b"two")),
    ),
    "tensorboard: the shape of a tensor": (
        TENSORBOARD,
        summary("t", field(8, field(2, b"\x12\x02\x08\x01") + field(5, struct.pack("<f", 1)))),
        summary("t", field(8, field(2, b"") + field(5, struct.pack("<f", 1)))),
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_no_value_takes_the_place_of_another(compared: Callable[..., dict[str, Any]], case: str) -> None:
    name, left, right = DIFFERENT[case]
    assert compared(name, left, left)["same"]
    assert not compared(name, left, right)["within"]


def npz_twice(first: float) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, value in (("a", first), ("a.npy", 2.0)):
            array = io.BytesIO()
            np.save(array, np.array(value))
            archive.writestr(name, array.getvalue())
    return file.getvalue()


ENTRY = '"w":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}'


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.json", b'{"a": 1, "a": 2}', "two members of one name: a"),
        ("a.jsonl", b'{"b": {"a": 1, "a": 2}}', "two members of one name: a"),
        ("a.pkl", twins(1, 2), "two values of one key"),
        ("a.pkl", b"(S'a'\nI1\nS'a'\nI2\nd.", "two values of one key"),
        ("a.npz", npz_twice(1.0), "two values of one name: a"),
        ("a.npz", zipped(("a.txt", b"text")), "no array"),
        ("a.safetensors", safetensors("{" + ENTRY % (0, 4) + "," + ENTRY % (4, 8) + "}"), "two members of one name: w"),
        ("a.pt", zipped(("m/data.pkl", pickle.dumps(1)), ("m/version", b"3"), ("m/version", b"4")), "two members of one name"),
    ],
    ids=["json", "jsonl", "twins", "protocol 0", "npz", "npz text", "safetensors", "torch"],
)
def test_a_name_that_comes_twice_is_not_checked(tmp_path: Path, name: str, data: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(data if name != "a.pkl" or data[:1] == b"\x80" else b"\x80\x02" + data)
    with pytest.raises(Unreadable, match=why):
        Unpacker(tmp_path, 1 << 20).read(tmp_path / name, name)


def test_attributes_of_an_ordered_dictionary_are_compared(compared: Callable[..., dict[str, Any]]) -> None:
    def state(version: int) -> bytes:
        found: Any = OrderedDict(w=1.0)
        found.version = version
        return pickle.dumps(found)

    assert compared("a.pkl", state(1), state(2))["first"]["name"] == "<state>/version"


TORCH = """
import sys, torch
last = float(sys.argv[2])
ints = torch.tensor([1, 2, last]).to(torch.uint16)
tagged, parameter = torch.tensor([1, last]), torch.nn.Parameter(torch.tensor([1.0]))
tagged.tag, parameter.note = "a", last
state = {"ints": ints, "tagged": tagged, "parameter": parameter, "storage": torch.tensor([last]).untyped_storage(),
         "conj": torch.tensor([1 + 1j * last]).conj(), "eight": torch.tensor([last]).to(torch.float8_e4m3fn)}
torch.save({sys.argv[3]: state[sys.argv[3]]}, sys.argv[1])
"""


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("ints", "ints"),
        ("tagged", "tagged/<args>(0)"),
        ("parameter", "parameter/<args>(3)/note"),
        ("storage", "storage"),
        ("conj", "conj/<args>(0)"),
        ("eight", "eight"),
    ],
)
def test_every_byte_of_a_storage_is_compared(compared: Callable[..., dict[str, Any]], tmp_path: Path, what: str, name: str) -> None:
    for side, last in (("left", "3"), ("right", "4")):
        assert proc.run([torch_python(), "-W", "ignore", "-c", TORCH, tmp_path / side, last, what]).ok
    found = compared("a.pt", (tmp_path / "left").read_bytes(), (tmp_path / "right").read_bytes(), atol=0.5)
    assert (found["within"], found["first"]["name"]) == (False, name)


def test_columns_of_parquet_called_as_cells_or_nulls_are_all_compared(compared: Callable[..., dict[str, Any]]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def table(first: int, flag: bool) -> bytes:
        file = io.BytesIO()
        columns = [[first], ["b"], [None], [flag]]
        parquet.write_table(pyarrow.table(list(map(pyarrow.array, columns)), names=["x[0]", "x", "n", "n (nulls)"]), file)
        return file.getvalue()

    assert not compared("a.parquet", table(1, True), table(2, True))["within"]
    assert not compared("a.parquet", table(1, True), table(1, False))["within"]
