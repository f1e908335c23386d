"""Every value of a file is a leaf, each under a name of its own: nothing is dropped, overwritten or
taken for something else.
"""

from __future__ import annotations

import array
import contextlib
import functools
import io
import json
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
from looking import look
from torch_python import torch_python

from reprobox.judge.content import Unreadable, compare
from reprobox.judge.formats.archives import Unpacker
from reprobox.judge.tensors import Tolerance
from reprobox.kit import proc
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileVerdict, Place

Looked = Callable[[str, bytes, bytes], FileVerdict]


@pytest.fixture
def looked(tmp_path: Path) -> Looked:
    """The verdict of two files of one name under rule `content`."""

    def answer(name: str, left: bytes, right: bytes) -> FileVerdict:
        for side, data in (("left", left), ("right", right)):
            (tmp_path / side).mkdir(exist_ok=True)
            (tmp_path / side / name).write_bytes(data)
        return look(
            tmp_path / "left" / name,
            tmp_path / "right" / name,
            OutputRule(pattern="*", compare="content"),
        )

    return answer


# ---- containers


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", major: int = 0
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.devmajor = kind, link, major
    return info


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    file = io.BytesIO()
    names = [name if isinstance(name, str) else name.filename for name, _ in members]
    warned = (
        pytest.warns(UserWarning, match="Duplicate name")
        if len(set(names)) < len(names)
        else contextlib.nullcontext()
    )
    with warned, zipfile.ZipFile(file, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    "pack",
    [
        lambda *names: tarred(*((entry(n), b"x") for n in names)),
        lambda *n: zipped(*((m, b"x") for m in n)),
    ],
)
def test_a_container_of_too_many_members_is_not_read_in_part(
    tmp_path: Path, pack: Callable[..., bytes]
) -> None:
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
def test_a_member_that_is_no_file_counts_too(
    looked: Looked, name: str, left: tarfile.TarInfo, right: tarfile.TarInfo
) -> None:
    files = (entry("a"), b"1"), (entry("b"), b"2")
    found = looked("x.tar", tarred(*files, (left, b"")), tarred(*files, (right, b"")))
    assert (found.state, found.detail.first.name) == ("different", name)
    absent = looked("x.tar", tarred(*files, (left, b"")), tarred(*files))
    assert (absent.state, absent.detail.missing) == ("different", (name,))


def test_links_and_directories_of_a_zip_count_too(looked: Looked) -> None:
    def link() -> zipfile.ZipInfo:
        info = zipfile.ZipInfo("l")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        return info

    assert (
        looked("x.zip", zipped((link(), b"a")), zipped((link(), b"b"))).detail.first.left
        == "link to a"
    )
    assert looked("x.zip", zipped((link(), b"a")), zipped(("l", b"a"))).state == "different"
    assert looked(
        "x.zip", zipped(("a", b"1"), ("d/", b"")), zipped(("a", b"1"))
    ).detail.missing == ("d/!",)


@pytest.mark.parametrize("make", [lambda *m: tarred(*((entry(n), d) for n, d in m)), zipped])
def test_two_members_of_one_name_are_not_checked(
    looked: Looked, make: Callable[..., bytes]
) -> None:
    found = looked("x.bin", make(("a", b"1"), ("a", b"2")), make(("a", b"9"), ("a", b"2")))
    assert (found.state, found.detail.why.partition(":")[0]) == (
        "not-checked",
        "two values of one name",
    )


def test_a_member_is_not_taken_for_a_member_of_a_member(looked: Looked) -> None:
    inner = zipped(("b", b"x"))
    assert looked("x.zip", zipped(("a", inner)), zipped(("a!b", b"x"))).state == "different"
    both = zipped(("a", inner), ("a!b", b"1")), zipped(("a", inner), ("a!b", b"2"))
    assert looked("x.zip", *both).detail.first.name == '"a!b"!line 1'


def test_a_member_of_another_format_differs(looked: Looked) -> None:
    array, file = np.arange(3.0), io.BytesIO()
    np.save(file, array)
    found = looked(
        "x.zip", zipped(("m", file.getvalue())), zipped(("m", pickle.dumps({"array": array})))
    )
    assert (found.state, found.detail.first) == (
        "different",
        Place(name="m!", left="npy", right="pickle"),
    )


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
    "pickle: a number or a text": (
        "a.pkl",
        pickle.dumps({1: 0.5, "1": 2}),
        pickle.dumps({1: 0.9, "1": 2}),
    ),
    "pickle: a dot or a level": ("a.pkl", pickle.dumps({"a": {"b": 1}}), pickle.dumps({"a.b": 1})),
    "pickle: a slash or a level": (
        "a.pkl",
        pickle.dumps({"a": {"b": 1}}),
        pickle.dumps({"a/b": 1}),
    ),
    "pickle: a list or a tuple": ("a.pkl", pickle.dumps([1, 2]), pickle.dumps((1, 2))),
    "pickle: a list or a dictionary": ("a.pkl", pickle.dumps([1, 2]), pickle.dumps({0: 1, 1: 2})),
    "pickle: bytes or text": ("a.pkl", pickle.dumps({"a": b"a"}), pickle.dumps({"a": "61"})),
    "pickle: a name or text": (
        "a.pkl",
        pickle.dumps({"a": int}),
        pickle.dumps({"a": "builtins.int"}),
    ),
    "pickle: a value or its name": ("a.pkl", pickle.dumps(5), pickle.dumps({"value": 5})),
    "pickle: empty or text": ("a.pkl", pickle.dumps({}), pickle.dumps({"<empty>": "dict"})),
    "pickle: one or two": (
        "a.pkl",
        pickle.dumps({"a": 1}) + pickle.dumps({"b": 2}),
        pickle.dumps({"a": 1, "pickle 2: b": 2}),
    ),
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
def test_no_value_takes_the_place_of_another(
    compared: Callable[..., dict[str, Any]], case: str
) -> None:
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
        ("a.npz", zipped(("a.txt", b"text")), "not an array"),
        (
            "a.safetensors",
            safetensors("{" + ENTRY % (0, 4) + "," + ENTRY % (4, 8) + "}"),
            "two members of one name: w",
        ),
        (
            "a.pt",
            zipped(("m/data.pkl", pickle.dumps(1)), ("m/version", b"3"), ("m/version", b"4")),
            "two members of one name",
        ),
    ],
    ids=["json", "jsonl", "twins", "protocol 0", "npz", "npz text", "safetensors", "torch"],
)
def test_a_name_that_comes_twice_is_not_checked(
    tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    (tmp_path / name).write_bytes(
        data if name != "a.pkl" or data[:1] == b"\x80" else b"\x80\x02" + data
    )
    with pytest.raises(Unreadable, match=why):
        Unpacker(tmp_path, 1 << 20).read(tmp_path / name, name)


def test_attributes_of_an_ordered_dictionary_are_compared(
    compared: Callable[..., dict[str, Any]],
) -> None:
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
def test_every_byte_of_a_storage_is_compared(
    compared: Callable[..., dict[str, Any]], tmp_path: Path, what: str, name: str
) -> None:
    for side, last in (("left", "3"), ("right", "4")):
        assert proc.run(
            [torch_python(), "-W", "ignore", "-c", TORCH, tmp_path / side, last, what]
        ).ok
    found = compared(
        "a.pt", (tmp_path / "left").read_bytes(), (tmp_path / "right").read_bytes(), atol=0.5
    )
    assert (found["within"], found["first"]["name"]) == (False, name)


def test_columns_of_parquet_called_as_cells_or_nulls_are_all_compared(
    compared: Callable[..., dict[str, Any]],
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def table(first: int, flag: bool) -> bytes:
        file = io.BytesIO()
        columns = [[first], ["b"], [None], [flag]]
        parquet.write_table(
            pyarrow.table(list(map(pyarrow.array, columns)), names=["x[0]", "x", "n", "n (nulls)"]),
            file,
        )
        return file.getvalue()

    assert not compared("a.parquet", table(1, True), table(2, True))["within"]
    assert not compared("a.parquet", table(1, True), table(1, False))["within"]


# ---- rule `tensors`: what may hold a number is never left aside


def one_file(*arrays: Any) -> bytes:
    file = io.BytesIO()
    for one in arrays:
        np.save(file, one)
    return file.getvalue()


def table(values: dict[str, Any]) -> bytes:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(values), file)
    return bytes(file.getvalue())


NUMBERS: dict[str, tuple[str, Callable[[float], bytes]]] = {
    "a cell of a column that has texts": ("a.csv", lambda n: f"i,v\n1,{n}\n2,n/a\n".encode()),
    "a cell of a column that has large integers": (
        "a.csv",
        lambda n: f"i,v\n1,{2**60 + int(n)}\n2,3\n".encode(),
    ),
    "a list in a table": ("a.parquet", lambda n: table({"i": [1], "v": [[n, 2.0]]})),
    "a structure in a table": ("a.parquet", lambda n: table({"i": [1], "v": [{"x": n}]})),
    "bytes in a table": ("a.parquet", lambda n: table({"i": [1], "v": [struct.pack("<d", n)]})),
    "bytes in a pickle": ("a.pkl", lambda n: pickle.dumps({"i": 1, "v": array.array("d", [n])})),
    "a member that no reader knows": (
        "a.zip",
        lambda n: zipped(("a.json", b"1"), ("w.bin", b"\0" + struct.pack("<d", n))),
    ),
    "constants of TorchScript": (
        "a.pt",
        lambda n: zipped(
            ("a/data.pkl", pickle.dumps(False, 2)), ("a/constants/0", struct.pack("<d", n))
        ),
    ),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_a_number_wherever_it_is_counts_under_the_rule_tensors(tmp_path: Path, case: str) -> None:
    name, make = NUMBERS[case]
    for side, number in (("left", 5.0), ("right", 7.0)):
        (tmp_path / side).write_bytes(make(number))
    found = look(
        tmp_path / "left",
        tmp_path / "right",
        OutputRule(pattern="*", compare="tensors", atol=0.5),
        path=name,
    )
    assert found.state == "different", found.detail


# ---- nothing behind what a reader would read


@pytest.mark.parametrize("rule", ["content", "tensors"])
def test_every_array_of_an_npy_file_is_compared(tmp_path: Path, rule: Any) -> None:
    for side, second in (("left", 1.0), ("right", 2.0)):
        (tmp_path / side).write_bytes(one_file(np.ones(3), np.zeros((0, 2)), np.array([second])))
    found = look(
        tmp_path / "left", tmp_path / "right", OutputRule(pattern="*", compare=rule), path="a.npy"
    )
    assert (found.state, found.detail.first.name) == ("different", "array 3")


def test_what_is_behind_an_npy_file_and_is_none_is_not_checked(looked: Looked) -> None:
    assert (
        looked("a.npy", one_file(np.ones(3)), one_file(np.ones(3)) + b"more").state == "not-checked"
    )


def test_a_tar_file_is_read_to_its_end_or_not_checked(looked: Looked) -> None:
    def pack(second: bytes) -> bytes:
        return tarred((entry("a"), b"1"), (entry("b"), second))

    def damaged(data: bytes) -> bytes:
        return data[:1024] + b"\xff" * 100 + data[1124:]

    for left, right in (
        (damaged(pack(b"1")), damaged(pack(b"2"))),
        (tarred((entry("a"), b"1")) + pack(b"1"), tarred((entry("a"), b"1")) + pack(b"2")),
        (pack(b"1")[:1024], tarred((entry("a"), b"1"))),
    ):
        assert looked("a.tar", left, right).state == "not-checked"


def test_what_lies_beside_the_storages_of_a_checkpoint_counts(looked: Looked) -> None:
    for name in (
        "x/data/weights.bin",
        "version.txt",
        "x/data.pkl.old",
        "data/x",
        "x/.data/0.storage",
    ):
        left, right = (
            zipped(("x/data.pkl", pickle.dumps({"a": 1})), (name, data)) for data in (b"1", b"2")
        )
        assert looked("a.zip", left, right).state == "different", name


# ---- calls of what a pickle itself has made


class Made:
    """Pickled by calling something that is no name: by `__reduce__`, and below protocol 4 by
    `__getnewargs_ex__`.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def __reduce__(self) -> Any:
        return functools.partial(float, self._rate), ()


class Keywords:
    def __new__(cls, *, rate: float = 0.0) -> Any:
        made = super().__new__(cls)
        made.rate = rate
        return made

    rate: float

    def __getnewargs_ex__(self) -> Any:
        return (), {"rate": self.rate}

    def __getstate__(self) -> None:
        return None


@pytest.mark.parametrize("make", [Made, lambda rate: Keywords(rate=rate)])
def test_arguments_of_what_is_called_are_compared(
    looked: Looked, make: Callable[[float], Any]
) -> None:
    left, right = (pickle.dumps(make(rate), 2) for rate in (0.1, 0.2))
    found = looked("a.pkl", left, right)
    assert (found.state, found.detail.first.left) == ("different", 0.1)


PLAIN_PICKLE = """
import pickle, sys, torch
weights = torch.tensor([[1.0, float(sys.argv[2])], [3.0, 4.0]])
pickle.dump({"weights": weights, "part": weights[:, 1:], "layer": torch.nn.Parameter(weights.clone())}, open(sys.argv[1], "wb"))
"""


def test_tensors_of_torch_in_a_plain_pickle_are_read(tmp_path: Path) -> None:
    for side, second in (("left", "2"), ("again", "2"), ("right", "5")):
        assert proc.run(
            [torch_python(), "-W", "ignore", "-c", PLAIN_PICKLE, tmp_path / side, second]
        ).ok
    for rule in ("content", "tensors"):
        asked = OutputRule(pattern="*", compare=rule)  # type: ignore[arg-type]
        found = look(tmp_path / "left", tmp_path / "right", asked, path="a.pkl")
        assert (found.state, found.detail.first.name, found.detail.first.index) == (
            "different",
            "weights",
            (0, 1),
        )
        assert look(tmp_path / "left", tmp_path / "again", asked, path="a.pkl").state in (
            "equal-under-rule",
            "identical",
        )


# ---- equal values are not called different, and the place is the right one


def test_times_are_compared_with_their_unit(looked: Looked) -> None:
    def times(unit: str, second: int) -> Any:
        return np.array([1, second, "NaT"], f"M8[{unit}]")

    for name, pack in (("a.npy", one_file), ("a.pkl", pickle.dumps)):
        found = looked(name, pack(times("s", 2)), pack(times("s", 3)))  # type: ignore[operator]
        assert (found.state, found.detail.count, found.detail.first.index) == (
            "different",
            1,
            (1,),
        )
        assert looked(name, pack(times("s", 2)), pack(times("ms", 2))).state == "different"  # type: ignore[operator]


def test_a_compound_array_is_compared_by_field(looked: Looked) -> None:
    def rows(value: float, between: int) -> Any:
        found = np.zeros(2, np.dtype([("flag", "i1"), ("value", "f4")], align=True))
        found["value"] = np.nan, value
        found.view(np.uint8)[1] = between
        return found

    for name, pack, place in (("a.npy", one_file, "array.value"), ("a.pkl", pickle.dumps, "value")):
        found = looked(name, pack(rows(3, 0)), pack(rows(4, 0)))  # type: ignore[operator]
        assert (found.state, found.detail.first.name, found.detail.first.index) == (
            "different",
            place,
            (1,),
        )
        assert looked(name, pack(rows(3, 0)), pack(rows(3, 9))).state == "equal-under-rule"  # type: ignore[operator]


def test_a_nan_of_a_long_double_is_the_same_nan(looked: Looked) -> None:
    left, right = (one_file(np.array([np.nan, value], "g")) for value in (1, 2))
    found = looked("a.npy", left, right)
    assert (found.detail.count, found.detail.first.index) == (1, (1,))


def test_lines_end_where_lines_end(looked: Looked) -> None:
    def lines(last: int) -> bytes:
        return json.dumps({"text": "a\u2028b\x85c", "n": last}, ensure_ascii=False).encode() + b"\n"

    assert looked("a.jsonl", lines(1), lines(2)).detail.first.name == "[0].n"
    left, right = (f"a,b\nx\u2028y,{n}\n".encode() for n in (1, 2))
    assert looked("a.csv", left, right).detail.first.name == "b"
    assert looked("a.csv", b"a,b\n1_0,1\n", b"a,b\n10,1\n").state == "different"
