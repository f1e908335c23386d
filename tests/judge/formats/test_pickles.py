"""Pickles are walked: nothing that they name is imported, called or built."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
from file_contents import content_of, opened, plain, rest
from looking import look

from reprobox.judge.formats import pickles
from reprobox.judge.formats.format import Head
from reprobox.judge.leaves import Unreadable
from reprobox.model.spec import OutputRule


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("executed",)


def test_a_pickle_is_never_executed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for side, value in (("left", {"x": Evil()}), ("right", {"x": Evil(), "y": 1})):
        (tmp_path / side).write_bytes(pickle.dumps(value))
    found = look(tmp_path / "left", tmp_path / "right", OutputRule(pattern="*"), path="a.pkl")
    assert found.state == "different"
    assert found.detail.extra == ("y",)
    assert capfd.readouterr().out == ""


VALUE = {
    "a": [1, -5, 1 << 70, 0.5],
    "b": (True, None, b"\xff", bytearray(b"x")),
    "c": {"s"},
    "d": "\ud800",
}


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_writes_one_value(tmp_path: Path, protocol: int) -> None:
    expected = plain(content_of(tmp_path, "a.pkl", pickle.dumps(VALUE, 5)))
    content = content_of(tmp_path, "a.pkl", pickle.dumps(VALUE, protocol))
    assert plain(content) == expected
    assert rest(content) == []
    assert (expected["a[2]"], expected["b(2)<bytes>"]) == (1 << 70, "ff")


def test_several_pickles_of_one_file_and_what_is_behind_them(tmp_path: Path) -> None:
    data = pickle.dumps({"a": 1}) + pickle.dumps(2)
    content = content_of(tmp_path, "a.pkl", data + b"junk")
    assert plain(content) == {"a": 1, "pickle 2: <value>": 2}
    assert rest(content) == [(len(data), 4)]


def test_a_value_that_the_pickle_drops_is_a_leaf_too(tmp_path: Path) -> None:
    assert plain(content_of(tmp_path, "a.pkl", b"\x80\x02K\x070K\x01.")) == {
        "<value>": 1,
        "<dropped 0>": 7,
    }


def test_the_leaves_of_a_pickle_within_other_bytes() -> None:
    data = b"before" + pickle.dumps([1, 2])
    leaves, end = pickles.leaves_at(data + b"behind", 6)
    assert (leaves, end) == ({"[0]": 1, "[1]": 2}, len(data))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x80\x02K\x01", "not a pickle|without an end"),
        (b"\x80\x09N.", "protocol 9"),
        (b"\x80\x04\x95\x09\0\0\0\0\0\0\0NN.", "frame of a wrong length"),
        (b"\x80\x02K\x01Q.", "persistent ids"),
        (b"\x80\x02\x82\x01.", "operation EXT1"),
        (b"\x80\x02e.", "not a pickle|without its mark"),
        (b"\x80\x02Np-1\n.", "negative place"),
        (b"\x80\x02NK\x01K\x02s.", "something odd"),
        (b"\x80\x04K\x01K\x02\x93.", "name that is not a text"),
        (b"\x80\x02]N\x85b.", "gives a state to something odd"),
    ],
)
def test_what_python_would_not_read_or_a_registry_decides_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        pickles.leaves_at(data, 0)


def test_what_is_called_is_kept_with_its_arguments(tmp_path: Path) -> None:
    found = plain(content_of(tmp_path, "a.pkl", pickle.dumps(Evil())))
    assert found == {"<type>": "builtins.print", "<args>(0)": "executed"}


@pytest.mark.parametrize(
    ("name", "args", "value"),
    [
        ("_codecs.encode", ("é", "latin1"), b"\xe9"),
        ("builtins.bytes", (), b""),
        ("builtins.bytearray", (b"x",), bytearray(b"x")),
        ("builtins.bytes", (3,), None),
        ("os.system", ("true",), None),
        ("builtins.bytes", "no arguments", None),
    ],
)
def test_calls_that_are_plain_values(name: str, args: Any, value: Any) -> None:
    assert pickles.encoded(name, args) == value


@pytest.mark.parametrize(
    ("first", "name", "is_one"),
    [
        (b"\x80\x04", "model.bin", True),
        (b"\x80\x09", "model.bin", False),
        (b"(lp0", "a.pkl", True),
        (b"(lp0", "a.txt", False),
        (b"", "a.pkl", False),
        (b"\x78\x9c", "a.pkl", False),
    ],
)
def test_which_files_are_pickles(first: bytes, name: str, is_one: bool) -> None:
    head = Head(first=first, name=name, size=len(first), path=Path(name))
    assert pickles.is_pickle(head) is is_one


def test_an_object_that_reads_what_stands_behind_it(tmp_path: Path) -> None:
    """joblib writes an array's bytes behind the object that stands for it."""

    def raw(target: pickles.Opaque, stream: Any, _: Any) -> Any:
        return stream.read(3)

    body = b"\x80\x02cm\nMarker\n)\x81}b" + b"raw" + b"."
    file = opened(tmp_path, "a.joblib", body)
    content = pickles.read_all(file, io.BytesIO(body), pickles.encoded, raw)
    assert plain(content) == {"<bytes>": b"raw".hex()}
