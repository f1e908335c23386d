"""Looking into outputs of every format: the first difference, how far, what a rule lets pass, and
what must be refused.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from looking import look
from png_bytes import png
from proto_bytes import field, varint
from torch_python import torch_python

from reprobox.judge.reader import Limits
from reprobox.kit import canon, proc
from reprobox.model import codec
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileDetail, FileVerdict

CHECKPOINTS = """
import sys, torch
from safetensors.torch import save_file
directory, bump = sys.argv[1], sys.argv[2] == "1"
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Linear(16, 3))
optimizer = torch.optim.Adam(net.parameters())
net(torch.ones(2, 8)).sum().backward()
optimizer.step()
if bump:
    weight = net[1].weight.data
    weight[2, 5] = torch.nextafter(weight[2, 5], torch.tensor(9.0))
state = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "half": torch.ones(3, dtype=torch.bfloat16),
         "turned": net[0].weight.data.t(), "seen": {"a", "bb", "ccc"}}
torch.save(state, directory + "/zip.pt")
torch.save(state, directory + "/legacy.pth", _use_new_zipfile_serialization=False)
torch.save(net, directory + "/whole.ckpt")
torch.jit.save(torch.jit.script(net), directory + "/script.pt")
metadata = {str(number): "x" for number in range(8)}
save_file(net.state_dict(), directory + "/net.safetensors", metadata=metadata)
"""
NAMES = {
    "zip.pt": "model/1.weight",
    "legacy.pth": "model/1.weight",
    "whole.ckpt": "<state>/_modules/1/<state>/_parameters/weight",
    "script.pt": "<state>/1/<state>/weight",
    "net.safetensors": "1.weight",
}
Pair = Callable[[str, bytes, bytes], tuple[Path, Path]]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same net saved in every way: `a`, `b` equal, `c` one ulp off in one weight."""
    home = tmp_path_factory.mktemp("checkpoints")
    for side, bump in (("a", "0"), ("b", "0"), ("c", "1")):
        (home / side).mkdir()
        done = proc.run([torch_python(), "-W", "ignore", "-c", CHECKPOINTS, home / side, bump])
        assert done.ok, done.error_text
    return home


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    def make(name: str, left: bytes, right: bytes) -> tuple[Path, Path]:
        for side, data in (("left", left), ("right", right)):
            (tmp_path / side).mkdir(exist_ok=True)
            (tmp_path / side / name).write_bytes(data)
        return tmp_path / "left" / name, tmp_path / "right" / name

    return make


def rule(compare: str = "content", **limits: float) -> OutputRule:
    return OutputRule(pattern="*", compare=compare, **limits)  # type: ignore[arg-type]


def looked(paths: tuple[Path, Path], compare: str = "content", **limits: float) -> FileVerdict:
    return look(*paths, rule(compare, **limits))


# ---- checkpoints


@pytest.mark.parametrize("name", NAMES)
def test_one_ulp_in_a_checkpoint_is_named(checkpoints: Path, name: str) -> None:
    found = look(checkpoints / "a" / name, checkpoints / "c" / name, rule("tensors"))
    first = found.detail.first
    assert found.state == "different"
    assert (first.name, first.index, first.ulp, first.shape) == (
        NAMES[name],
        (2, 5),
        1,
        (3, 16),
    )
    assert (found.detail.ulp, found.detail.count) == (1, 1)
    assert (
        look(checkpoints / "a" / name, checkpoints / "c" / name, rule("tensors", ulp=1)).state
        == "equal-under-rule"
    )


def test_packing_that_differs_is_told_from_content(checkpoints: Path, tmp_path: Path) -> None:
    """The legacy format holds addresses: other bytes each time, the same content."""
    left, right = checkpoints / "a" / "legacy.pth", checkpoints / "b" / "legacy.pth"
    found = look(left, right, rule("bytes"))
    assert found.state == "identical" or (found.state, found.detail.content) == (
        "different",
        "equal",
    )
    assert look(left, right, rule("content")).state in ("identical", "equal-under-rule")


def test_the_same_checkpoint_under_another_stem_is_the_same_content(
    checkpoints: Path, tmp_path: Path
) -> None:
    code = "import sys, torch; torch.save({'w': torch.arange(5.0)}, sys.argv[1]); torch.save({'w': torch.arange(5.0)}, sys.argv[2])"
    assert proc.run([torch_python(), "-c", code, tmp_path / "one.pt", tmp_path / "two.pt"]).ok
    found = looked((tmp_path / "one.pt", tmp_path / "two.pt"))
    assert (found.state, found.detail.content) == ("equal-under-rule", "equal")


# ---- hostile files


def torch_zip(data: bytes, storage: bytes = b"\0" * 16) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/data.pkl", data)
        archive.writestr("m/data/0", storage)
    return file.getvalue()


def tensor_pickle(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """A checkpoint's pickle by hand: protocol 2, one tensor of storage 0."""

    def integer(number: int) -> bytes:
        return b"\x8a\x08" + struct.pack("<q", number)

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(integer, values)) + b"t"

    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ"
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + integer(offset)
        + numbers(shape)
        + numbers(strides)
        + b"\x89NtR."
    )


def test_the_hand_made_checkpoint_is_read(pair: Pair) -> None:
    one, two = (
        torch_zip(tensor_pickle(0, (2, 2), (2, 1)), struct.pack("<4f", 1, 2, last, 4))
        for last in (3, 5)
    )
    assert looked(pair("a.pt", one, two)).detail.first.index == (1, 0)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("beyond.pt", torch_zip(tensor_pickle(3, (2,), (1,)))),
        ("negative.pt", torch_zip(tensor_pickle(-1, (2,), (1,)))),
        ("endless.pt", torch_zip(tensor_pickle(0, (1 << 40,), (0,)))),
        ("cut.pt", torch_zip(b"\x80\x02}q\0")),
        ("odd.pt", torch_zip(b"\x80\x02K\x01K\x02s.")),
        ("long.safetensors", struct.pack("<Q", 1 << 60) + b'{"a":1}' * 4),
        (
            "lying.safetensors",
            struct.pack("<Q", 58)
            + b'{"w":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}   '
            + b"\0" * 8,
        ),
        (
            "objects.npy",
            b"\x93NUMPY\x01\0v\0"
            + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117)
            + b"\n\x80\x02N.",
        ),
        ("cut.png", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 99) + b"IHDR"),
        ("events.out.tfevents.1", struct.pack("<Q", 1 << 50) + b"\0" * 8),
        ("deep.json", b"[" * 5000 + b"]" * 5000),
        ("bad.json", b"{"),
        ("cut.gz", gzip.compress(random.Random(1).randbytes(9000))[:5000]),
        ("bad.zip", b"PK\x03\x04" + b"\0" * 40),
    ],
)
def test_damaged_files_are_not_checked_and_say_why(pair: Pair, name: str, data: bytes) -> None:
    found = looked(pair(name, data, data + b"\n"), "tensors")
    assert found.state in ("not-checked", "different"), found
    assert found.state == "not-checked" or found.detail.format == "gzip"
    assert found.state != "not-checked" or found.detail.why


@pytest.mark.parametrize(
    ("limits", "name"),
    [(Limits(unpacked=1 << 20), "zeros.gz"), (Limits(memory=1 << 28), "zeros.npz")],
)
def test_bombs_meet_the_limits(pair: Pair, limits: Limits, name: str) -> None:
    if name.endswith("gz"):
        left, right = (gzip.compress(bytes(1 << 24) + end, 1) for end in (b"a", b"b"))
    else:
        files = []
        for end in (0, 1):
            file = io.BytesIO()
            np.savez_compressed(file, zeros=np.append(np.zeros(1 << 26), end))
            files.append(file.getvalue())
        left, right = files
    found = look(*pair(name, left, right), rule("content"), limits=limits)
    assert (found.state, bool(found.detail.why)) == ("not-checked", True)


def test_a_reader_that_takes_too_long_is_ended(pair: Pair) -> None:
    lines = "".join(f"{number},x\n" for number in range(400_000))
    found = look(
        *pair("a.csv", lines.encode(), lines.encode() + b"1,y\n"),
        rule("content"),
        limits=Limits(cpu=1, wall=1),
    )
    assert found.state in ("not-checked", "different")
    assert found.state == "different" or "longer" in found.detail.why


# ---- the other formats


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def text_csv(*rows: tuple[Any, ...]) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def events(*values: tuple[str, int, float], clock: float) -> bytes:
    found = b""
    for tag, step, value in values:
        summary = field(1, field(1, tag.encode()) + b"\x15" + struct.pack("<f", value))
        event = b"\x09" + struct.pack("<d", clock) + b"\x10" + varint(step) + field(5, summary)
        found += struct.pack("<Q", len(event)) + b"\0\0\0\0" + event + b"\0\0\0\0"
    return found


CASES: dict[str, tuple[str, bytes, bytes, str]] = {
    "npz": (
        "a.npz",
        npz(w=np.arange(3.0), b=np.ones(2)),
        npz(w=np.arange(3.0), b=np.array([1, 2.0])),
        "b",
    ),
    "csv": (
        "m.csv",
        text_csv(("step", "loss"), (1, 0.5), (2, 0.25)),
        text_csv(("step", "loss"), (1, 0.5), (2, 0.26)),
        "loss",
    ),
    "csv text": (
        "m.csv",
        text_csv(("id", "cat"), (1, "a")),
        text_csv(("id", "cat"), (1, "b")),
        "cat[0]",
    ),
    "json": ("m.json", b'{"a": [1, {"b": 2}]}', b'{"a": [1, {"b": 3}]}', "$.a[1].b"),
    "jsonl": ("m.jsonl", b'{"a": 1}\n{"a": 2}\n', b'{"a": 1}\n{"a": 5}\n', "[1].a"),
    "png": ("p.png", png(bytes(range(12))), png(bytes(range(11)) + b"\xff"), "pixels"),
    "png text": (
        "p.png",
        png(bytes(12), text=b"Software\0a"),
        png(bytes(12), text=b"Software\0b"),
        "chunk tEXt",
    ),
    "tensorboard": (
        "events.out.tfevents.17.host",
        events(("loss", 1, 0.5), ("loss", 2, 0.25), clock=1.0),
        events(("loss", 1, 0.5), ("loss", 2, 0.75), clock=2.0),
        "loss@2",
    ),
    "pickle": (
        "a.pkl",
        pickle.dumps({"w": np.arange(3.0)}),
        pickle.dumps({"w": np.array([0, 1.0, 9])}),
        "w",
    ),
    "text": ("log.txt", b"one\ntwo\nthree\n", b"one\nTWO\nthree\n", "line 2"),
    "gzip": ("m.json.gz", gzip.compress(b'{"a": 1}'), gzip.compress(b'{"a": 2}'), "m.json!$.a"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_difference_is_named(pair: Pair, case: str) -> None:
    name, left, right, where = CASES[case]
    found = looked(pair(name, left, right))
    assert (found.state, found.detail.first.name) == ("different", where)


def zipped(*members: tuple[str, bytes], year: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), data)
    return file.getvalue()


def tarred(*members: tuple[str, bytes], time: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz" if time % 2 else "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), time
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


EQUAL: dict[str, tuple[str, bytes, bytes]] = {
    "gzip with another time": (
        "a.csv.gz",
        gzip.compress(b"a\n1\n", mtime=1),
        gzip.compress(b"a\n1\n", mtime=2),
    ),
    "zip in another order": (
        "a.zip",
        zipped(("x", b"1"), ("y", b"2"), year=1990),
        zipped(("y", b"2"), ("x", b"1"), year=2000),
    ),
    "tar with other times": ("a.tar", tarred(("x", b"1"), time=2), tarred(("x", b"1"), time=4)),
    "tar within gzip": ("a.tar.gz", tarred(("x", b"1"), time=3), tarred(("x", b"1"), time=5)),
    "json with other keys' order": ("a.json", b'{"a": 1, "b": 2}', b'{"b": 2, "a": 1}'),
    "json written otherwise": ("a.json", b'{"a": 1.0}', b'{"a":1.00}'),
    "csv written otherwise": ("a.csv", b"a,b\n1.0,2\n", b"a,b\n1.00,2.0\n"),
    "events at another time": (
        "events.out.tfevents.1",
        events(("l", 1, 0.5), clock=1.0),
        events(("l", 1, 0.5), clock=9.0),
    ),
    "a set in another order": (
        "a.pkl",
        b"\x80\x04(\x8c\x01a\x8c\x01b\x91.",
        b"\x80\x04(\x8c\x01b\x8c\x01a\x91.",
    ),
    "png with other filters": (
        "p.png",
        png(bytes(range(6)) * 2),
        png(bytes(range(6)) + bytes(6), filters=b"\0\2"),
    ),
}


@pytest.mark.parametrize("case", EQUAL)
def test_equal_content_in_other_bytes_is_equal_under_a_rule_and_never_identical(
    pair: Pair, case: str
) -> None:
    paths = pair(*EQUAL[case])
    assert looked(paths).state == "equal-under-rule"
    found = looked(paths, "bytes")
    assert (found.state, found.detail.content) == ("different", "equal")


def test_tolerances_are_the_rules_and_only_where_declared(pair: Pair) -> None:
    paths = pair("m.json", b'{"loss": 0.5, "name": "x"}', b'{"loss": 0.5000001, "name": "x"}')
    assert looked(paths).state == "different"
    assert looked(paths, atol=1e-6).state == "equal-under-rule"
    assert looked(paths, rtol=1e-6).state == "equal-under-rule"
    assert looked(paths, "bytes", atol=1.0).state == "different"
    texts = pair("n.json", b'{"loss": 0.5, "name": "x"}', b'{"loss": 0.5, "name": "y"}')
    assert (looked(texts, atol=1.0).state, looked(texts, "tensors").state) == (
        "different",
        "equal-under-rule",
    )


def npy(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("a.json", b'{"n": 3}', b'{"n": 5}'),
        ("a.jsonl", b'{"n": 3}\n', b'{"n": 5}\n'),
        ("a.csv", b"n,f\n3,0.5\n,1\n", b"n,f\n5,0.5\n,1\n"),
        ("a.npy", npy(np.array([3])), npy(np.array([5]))),
    ],
)
def test_integers_have_a_distance_but_no_ulp(
    pair: Pair, name: str, ours: bytes, theirs: bytes
) -> None:
    found = looked(pair(name, ours, theirs), ulp=2**53)
    assert (
        found.state,
        found.detail.abs,
        found.detail.first.left,
        found.detail.first.right,
    ) == (
        "different",
        2,
        3,
        5,
    )
    assert found.detail.ulp is None
    assert found.detail.first.ulp is None
    assert looked(pair(name, ours, theirs), atol=2).state == "equal-under-rule"


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("a.json", b'{"n": 3}', b'{"n": 3.5}'),
        ("a.csv", b"n\n3\n1\n", b"n\n3.5\n1\n"),
        ("a.csv", b"n\n3.0\n", b"n\n3.5\n"),
    ],
)
def test_an_integer_beside_a_fraction_is_a_number_like_it(
    pair: Pair, name: str, ours: bytes, theirs: bytes
) -> None:
    found = looked(pair(name, ours, theirs))
    assert (found.state, found.detail.abs, found.detail.ulp > 0) == ("different", 0.5, True)


def test_rule_tensors_without_any_number_is_not_checked(pair: Pair) -> None:
    assert looked(pair("a.txt", b"a", b"b"), "tensors").state == "not-checked"


def test_large_integers_of_a_table_are_told_from_their_neighbours(pair: Pair) -> None:
    found = looked(pair("ids.csv", text_csv(("id",), (2**60 + 1,)), text_csv(("id",), (2**60,))))
    assert (found.state, found.detail.first.name) == ("different", "id[0]")


def test_missing_and_extra_leaves_are_named(pair: Pair) -> None:
    found = looked(pair("m.json", b'{"a": 1, "b": 2}', b'{"a": 1, "c": 2}'), atol=9)
    assert (found.state, found.detail.missing, found.detail.extra) == (
        "different",
        ("$.b",),
        ("$.c",),
    )


def test_shapes_and_types_are_part_of_the_content(pair: Pair) -> None:
    found = looked(pair("a.npz", npz(w=np.zeros(3)), npz(w=np.zeros(3, dtype="f4"))), atol=1)
    assert codec.to_json(found.detail.first) == {
        "name": "w",
        "left": "float64[3]",
        "right": "float32[3]",
    }


@pytest.mark.parametrize(
    ("left", "right", "looks"),
    [
        (
            '{"at": "2026-11-20T10:00:00", "a": 1}',
            '{"at": "2026-11-20T10:00:07", "a": 1}',
            "a time",
        ),
        ('{"started": 1763632800.5}', '{"started": 1763632899.1}', "a time"),
        ('{"dir": "/tmp/a1"}', '{"dir": "/tmp/b2"}', "a temporary path"),
        (
            '{"o": "<Net at 0x7f00aa11bb22>"}',
            '{"o": "<Net at 0x7f00aa11bb88>"}',
            "a memory address",
        ),
        (
            '{"id": "7d444840-9dc0-11d1-b245-5ffdce74fad2"}',
            '{"id": "1d444840-9dc0-11d1-b245-5ffdce74fad2"}',
            "a random identifier",
        ),
        ('["a", "b", "c"]', '["c", "a", "b"]', "the order of items"),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', "the order of keys"),
        ('{"loss": 0.25}', '{"loss": 0.5}', None),
    ],
)
def test_what_a_difference_looks_like(pair: Pair, left: str, right: str, looks: str | None) -> None:
    assert looked(pair("m.json", left.encode(), right.encode())).detail.looks_like == looks


def test_one_flipped_byte_is_counted(pair: Pair) -> None:
    data = random.Random(5).randbytes(200_000)
    found = looked(
        pair("blob.bin", data, data[:150_001] + bytes([data[150_001] ^ 16]) + data[150_002:]),
        "bytes",
    )
    assert (found.state, found.detail.first_byte, found.detail.bytes_differ) == (
        "different",
        150_001,
        1,
    )
    longer = looked(pair("blob.bin", data, data + b"x"), "bytes")
    assert (longer.detail.first_byte, longer.detail.bytes_differ) == (200_000, None)


@pytest.mark.parametrize("kind", ["content", "bytes"])
def test_stored_bytes_that_are_not_the_recorded_ones_are_not_compared(
    tmp_path: Path, kind: Any
) -> None:
    (tmp_path / "left").write_bytes(b'{"a": 1}')
    (tmp_path / "right").write_bytes(b'{"a":1}')
    known = {"ours": canon.digest_bytes(b'{"a": 1}'), "theirs": canon.digest_bytes(b'{"a": 2}')}
    found = look(
        tmp_path / "left",
        tmp_path / "right",
        OutputRule(pattern="*", compare=kind),
        path="a.json",
        **known,
    )
    assert found.state == ("not-checked" if kind == "content" else "different")
    assert json.loads(json.dumps(codec.to_json(found.detail))) == {
        "differs": ["bytes"],
        "rule": kind,
        "why": "the stored bytes of the second are not what was recorded; `reprobox fsck` names "
        "all damage",
    }


def test_every_byte_is_counted_in_files_of_any_length(pair: Pair) -> None:
    found = looked(pair("a.bin", b"\0" * 200_000, b"\0" * 70_000 + b"\1" * 130_000), "bytes")
    assert (found.detail.first_byte, found.detail.bytes_differ) == (70_000, 130_000)


def test_identical_files_are_not_opened_by_a_reader(pair: Pair) -> None:
    found = looked(pair("a.pt", b"not a checkpoint", b"not a checkpoint"))
    assert (found.state, found.detail) == ("identical", FileDetail())


def test_a_format_without_a_reader_is_not_checked_under_a_rule(pair: Pair) -> None:
    found = looked(pair("a.bin", b"\0a", b"\0b"))
    assert (found.state, found.detail.why) == (
        "not-checked",
        "a format that no reader here knows",
    )


def test_the_name_of_the_run_decides_the_format(pair: Pair, tmp_path: Path) -> None:
    left, right = pair("0", b"a\n1.0\n", b"a\n1.00\n")
    assert look(left, right, rule(), path="metrics/log.csv").state == "equal-under-rule"
    assert look(left, right, rule(), path="metrics/log.txt").state == "different"
