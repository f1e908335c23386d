"""Writes pairs of files by the real libraries: a value, values that differ from it, and the same
value by other writers. Runs under `formats_python`, not under the tests' own interpreter.

    python pairs_program.py DIRECTORY FORMAT SEED COUNT

Prints one JSON object a pair: what was changed, the two paths, and what a reader has to say:
`equal`, `different`, or `unequal` (different or not checked). What was changed begins with `<row>`
where the pair is one of a row of the format's LEFT_OUT.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import itertools
import json
import lzma
import pickle
import random
import struct
import sys
import tarfile
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.lib.recfunctions

Pair = tuple[str, str, bytes, bytes]
"""What was changed, what a reader has to say, and the two files."""
Generator = Callable[[random.Random], Iterator[Pair]]
DTYPES = ("f4", "f8", "f2", "i4", "i8", "u1", "i2", "?", "c8")


# ---- values


def array(
    rng: random.Random, dtype: str | None = None, shape: tuple[int, ...] | None = None
) -> Any:
    kind = np.dtype(dtype or rng.choice(DTYPES))
    shape = shape or rng.choice([(5,), (2, 3), (1, 4), (2, 2, 2)])
    count = int(np.prod(shape))
    values = np.array(
        [rng.randint(0, 1) if kind.kind == "b" else rng.randint(1, 90) for _ in range(count)]
    )
    found = values.astype(kind).reshape(shape)
    if kind.kind in "fc":
        found = (found / 7).astype(kind)
        found.reshape(-1)[0] = 0.0
    return found


def arrays(rng: random.Random) -> dict[str, Any]:
    return {
        f"layer{n}.{rng.choice(['weight', 'bias'])}{n}": array(rng)
        for n in range(rng.randint(2, 4))
    }


def other_arrays(a: Any, rng: random.Random) -> Iterator[tuple[str, Any]]:
    """Mutations by type."""
    place = rng.randrange(1, a.size)
    flipped = a.copy()
    raw = flipped.reshape(-1).view(np.uint8).reshape(a.size, -1)
    raw[place, 0] ^= 1
    yield "last digit", flipped
    if a.dtype.kind in "fc":
        minus = a.copy()
        minus.reshape(-1)[0] = -0.0
        yield "sign of zero", minus
        nan, nan2 = a.copy(), a.copy()
        nan.reshape(-1)[place] = np.nan
        nan2.reshape(-1)[place] = np.inf
        yield "nan", nan
        yield "inf", nan2
    turned = a.reshape(-1)[::-1].reshape(a.shape).copy()
    if turned.tobytes() != a.tobytes():
        yield "order", turned
    yield "dtype", a.astype("f8" if a.dtype != np.dtype("f8") else "f4")
    yield "shape", a.reshape(-1, 1)


def other_dicts(d: dict[str, Any], rng: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    names = list(d)
    name = rng.choice(names)
    for label, value in other_arrays(d[name], rng):
        yield label, {**d, name: value}
    yield "key", {(f"{key}_" if key == name else key): value for key, value in d.items()}
    yield "missing", {key: value for key, value in d.items() if key != name}
    yield "extra", {**d, "more": np.zeros(1)}
    a, b = names[:2]
    if d[a].tobytes() != d[b].tobytes() or d[a].shape != d[b].shape:
        yield "name", {**d, a: d[b], b: d[a]}


def trailing(base: bytes, rng: random.Random) -> Iterator[Pair]:
    for tail in (b"\1", b"garbage behind the end", bytes([rng.randrange(1, 256)] * 600)):
        yield "trailing bytes", "unequal", base, base + tail
        other = tail[:-1] + bytes([tail[-1] ^ 3])
        yield "other trailing bytes", "unequal", base + tail, base + other


def made(base: bytes, others: Iterator[tuple[str, bytes]], expect: str) -> Iterator[Pair]:
    for label, data in others:
        yield label, expect, base, data


def rezipped(
    base: bytes,
    change: Callable[[zipfile.ZipInfo], None] = lambda info: None,
    *,
    reverse: bool = False,
    data: dict[str, bytes] | None = None,
) -> bytes:
    """A zip file written again. `data`: other bytes of members, by the end of their name."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(base)) as old, zipfile.ZipFile(file, "w") as new:
        for info in sorted(old.infolist(), key=lambda one: -one.header_offset * reverse):
            held = old.read(info)
            for name, other in (data or {}).items():
                held = other if info.filename.endswith(name) else held
            info.extra, info.compress_type = b"", zipfile.ZIP_STORED
            change(info)
            new.writestr(info, held, info.compress_type)
    return file.getvalue()


def zip_rows(packed: bytes) -> Iterator[Pair]:
    """What is left out of zip files, one thing at a time."""
    base = rezipped(packed)
    extra = struct.pack("<HHBl", 0x5455, 5, 1, 1_700_000_000)
    changes: dict[str, dict[str, Any]] = {
        "times": {"date_time": (1999, 1, 1, 1, 1, 2)},
        "permissions": {"external_attr": 0o755 << 16},
        "writer": {"create_version": 63},
        "extra": {"extra": extra},
        "compression": {"compress_type": zipfile.ZIP_DEFLATED},
    }
    for row, change in changes.items():

        def apply(info: zipfile.ZipInfo, change: dict[str, Any] = change) -> None:
            for name, value in change.items():
                setattr(info, name, value)

        yield f"<{row}> of members", "equal", base, rezipped(packed, apply)
    yield "<order> of members", "equal", base, rezipped(packed, reverse=True)


def json_rows(wrap: Callable[[str], bytes] = str.encode) -> Iterator[Pair]:
    """What is left out of JSON, one thing at a time."""
    base = wrap('{"a": "ü", "n": 100, "z": [1, 2]}')
    for row, text in (
        ("spaces", '{"a":"ü","n":100,"z":[1,2]}'),
        ("keys", '{"z": [1, 2], "a": "ü", "n": 100}'),
        ("escapes", '{"a": "\\u00fc", "n": 100, "z": [1, 2]}'),
        ("numbers", '{"a": "ü", "n": 1e2, "z": [1.0, 2]}'),
        ("mark", '\ufeff{"a": "ü", "n": 100, "z": [1, 2]}'),
    ):
        yield f"<{row}>", "equal", base, wrap(text)


def lie_otherwise() -> Iterator[tuple[str, Any, Any]]:
    """Arrays that are one value and lie otherwise in memory, by the row that leaves this out."""
    a = np.arange(6.0).reshape(2, 3)
    yield "byte-order", a, a.astype(">f8")
    yield "dimensions", a, np.asfortranarray(a)
    rows = np.zeros(3, np.dtype([("x", "f4"), ("n", "i8")], align=True))
    padded = rows.copy()
    padded.view(np.uint8)[5] = 7
    yield "between", rows, padded


def pickle_rows(saved: Callable[..., bytes], *protocols: int) -> Iterator[Pair]:
    """What is left out of pickles, one thing at a time."""
    one, other = {0, 8}, {8, 0}
    assert list(one) != list(other)
    yield "<sets>", "equal", saved([one, frozenset([0, 8])]), saved([other, frozenset([8, 0])])
    yield "<keys>", "equal", saved({"a": [1], "b": [2]}), saved({"b": [2], "a": [1]})
    for row, here, there in lie_otherwise():
        yield f"<{row}>", "equal", saved({"a": here}), saved({"a": there})
    value = {"a": [1, "x", (2.5, None)], "b": b"bytes", "c": {1, 2}}
    for protocol in protocols:
        yield f"<protocol> {protocol}", "equal", saved(value), saved(value, protocol)


# ---- text


def scalar(rng: random.Random) -> Any:
    return rng.choice(
        [
            rng.randint(-1000, 1000),
            rng.random(),
            rng.random() * 10 ** rng.randint(-30, 30),
            rng.choice(["a", "b c", "", "ü", "x,y", 'q"q', "1", "null", "NaN"]),
            True,
            False,
            None,
        ]
    )


def document(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.random()
    if depth > 2 or kind < 0.4:
        return scalar(rng)
    if kind < 0.7:
        return [document(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    return {
        rng.choice("abcdefgh") + rng.choice(["", ".", "[0]", " "]): document(rng, depth + 1)
        for _ in range(rng.randint(0, 4))
    }


def other_scalars(value: Any, rng: random.Random) -> Iterator[Any]:
    if isinstance(value, bool):
        yield from (not value, int(value), str(value), None)
    elif isinstance(value, int):
        yield from (value + 1, value + 0.5, str(value), None, [value])
    elif isinstance(value, float):
        yield from (np.nextafter(value, np.inf).item(), -value or 1.0, repr(value), None)
    elif value is None:
        yield from (0, "", "null", False, [])
    else:
        yield from (f"{value} ", f"{value}x", None, [value])


def other_documents(value: Any, rng: random.Random) -> Iterator[tuple[str, Any]]:
    """Every place changed once."""
    if isinstance(value, list):
        yield "one more", [*value, None]
        if value:
            yield "one fewer", value[:-1]
        if len(value) > 1 and json.dumps(value) != json.dumps(value[::-1]):
            yield "order", value[::-1]
        for place, child in enumerate(value):
            for label, other in other_documents(child, rng):
                yield label, [*value[:place], other, *value[place + 1 :]]
    elif isinstance(value, dict):
        yield "key added", {**value, "zz": None}
        for key in value:
            yield "key", {(f"{k}." if k == key else k): v for k, v in value.items()}
            yield "key gone", {k: v for k, v in value.items() if k != key}
            for label, other in other_documents(value[key], rng):
                yield label, {**value, key: other}
    else:
        for other in other_scalars(value, rng):
            yield f"{type(value).__name__} to {type(other).__name__}", other


def _json(rng: random.Random) -> Iterator[Pair]:
    value = {"a": document(rng), "list": [1, 2.5, None, "x"], "n": rng.random()}
    base = json.dumps(value).encode()
    yield from made(
        base,
        ((label, json.dumps(other).encode()) for label, other in other_documents(value, rng)),
        "different",
    )
    same = (
        json.dumps(value, indent=2),
        json.dumps(value, sort_keys=True),
        json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        json.dumps(value) + "\n",
        "\ufeff" + json.dumps(value),
    )
    yield from made(base, (("another writer", text.encode()) for text in same), "equal")
    yield from json_rows()
    yield from NUMBERS_JSON
    yield "trailing", "unequal", base, base + b"x"


def _number_pairs(wrap: Callable[[str], bytes]) -> list[Pair]:
    different = [
        ("9007199254740993.0", "9007199254740992.0"),
        ("9007199254740993", "9007199254740992"),
        ("1e400", "2e400"),
        ("1e400", "1e401"),
        ("0.1234567890123456789", "0.1234567890123456788"),
        ("-0.0", "0.0"),
        ("-0", "0"),
        ("1e-400", "0"),
        ("123456789012345678901234567890", "123456789012345678901234567891"),
        ("5e-324", "1e-323"),
        ("0.1", "0.10000000000000001e1"),
        ("1e16", "10000000000000001"),
    ]
    equal = [
        ("1e16", "10000000000000000"),
        ("1", "1.0"),
        ("1", "1e0"),
        ("0.1", "1.000000000000000056e-01"),
        ("100", "1E+2"),
        ("0.5", "0.50"),
        ("1e22", "10000000000000000000000"),
        ("2.5e-3", "0.0025"),
        ("1e400", "1.0e400"),
        ("0.3333333333333333", "3.333333333333333148e-01"),
        ("5e-324", "4.940656458412465442e-324"),
    ]
    return [("number", "different", wrap(a), wrap(b)) for a, b in different] + [
        ("<numbers> spelling", "equal", wrap(a), wrap(b)) for a, b in equal
    ]


NUMBERS_JSON = _number_pairs(lambda text: b'{"n": [%s, 1]}' % text.encode())
NUMBERS_CSV = _number_pairs(lambda text: b"n,t\n%s,x\n1,y\n" % text.encode())


def _jsonl(rng: random.Random) -> Iterator[Pair]:
    rows = [{"step": n, "v": document(rng, 2)} for n in range(4)]

    def lines(values: list[Any], end: str = "\n", **how: Any) -> bytes:
        return (end.join(json.dumps(row, **how) for row in values) + end).encode()

    base = lines(rows)
    place = rng.randrange(4)
    for label, other in other_documents(rows[place], rng):
        yield label, "different", base, lines([*rows[:place], other, *rows[place + 1 :]])
    yield "order", "different", base, lines(rows[::-1])
    yield "one fewer", "different", base, lines(rows[:-1])
    yield "<end> of lines", "equal", base, lines(rows, "\r\n")
    yield "keys", "equal", base, lines(rows, sort_keys=True)
    yield "<end> of the file", "equal", base, base.rstrip(b"\n")
    yield from json_rows(lambda text: f"{text}\n[1]\n".encode())


def _csv(rng: random.Random, delimiter: str = ",") -> Iterator[Pair]:
    import pandas

    rows: list[list[Any]] = [
        [n, rng.random(), rng.choice("abc") + "x", rng.choice(["", rng.randint(0, 9)])]
        for n in range(6)
    ]
    head = ["step", "loss", "name", "maybe"]

    def text(values: list[list[Any]], names: list[str] | None = head, **how: Any) -> bytes:
        file = io.StringIO(newline="")
        writer = csv.writer(file, delimiter=delimiter, **how)
        writer.writerows([names, *values] if names else values)
        return file.getvalue().encode()

    base = text(rows)
    for place, column in itertools.product(range(0, 6, 2), range(4)):
        for other in other_scalars(rows[place][column], rng):
            changed = [[*row] for row in rows]
            changed[place][column] = "" if other is None else other
            same = str(changed[place][column]) == str(rows[place][column])
            if not same:
                yield "cell", "different", base, text(changed)
    yield "order", "different", base, text(rows[::-1])
    yield "row", "different", base, text(rows[:-1])
    yield "header", "different", base, text(rows, ["step", "loss", "name", "Maybe"])
    yield "headerless", "different", text(rows, None), text(rows[1:], None)
    yield (
        "first row of numbers",
        "different",
        text([[1.5, 2], [3.5, 4]], None),
        text([[1.25, 2], [3.5, 4]], None),
    )
    yield "short row", "different", base, base.replace(b"\r\n", delimiter.encode() + b"\r\n", 2)
    yield "blank line", "different", base, base.replace(b"\r\n", b"\r\n\r\n", 2)
    yield "empty or nan", "different", text([[1, "", "a", 2]]), text([[1, "nan", "a", 2]])
    yield "<quotes>", "equal", base, text(rows, quoting=csv.QUOTE_ALL)
    yield "<line-ends>", "equal", base, text(rows, lineterminator="\n")
    yield "<line-ends> none", "equal", base, base.rstrip(b"\r\n")
    numbers = text([[n, n + 0.5] for n in range(3)], ["step", "loss"])
    blanks = numbers.replace(delimiter.encode(), b" " + delimiter.encode() + b" ")
    blanks = blanks.replace(b"step ", b"step").replace(b" loss", b"loss")
    yield "<spaces>", "equal", numbers, blanks
    yield "<mark>", "equal", base, b"\xef\xbb\xbf" + base
    frame = pandas.DataFrame([row[:3] for row in rows], columns=head[:3])
    yield (
        "pandas",
        "equal",
        text([row[:3] for row in rows], head[:3]),
        frame.to_csv(index=False, sep=delimiter).encode(),
    )
    numeric = np.array([[rng.random(), rng.random()] for _ in range(4)])
    file = io.StringIO()
    np.savetxt(file, numeric, delimiter=delimiter, header=delimiter.join("ab"), comments="")
    yield "numpy", "equal", text(numeric.tolist(), ["a", "b"]), file.getvalue().encode()
    latin = text([["café", 1]], ["name", "n"]).decode().encode("latin-1")
    yield "latin-1", "different", latin, latin.replace(b"1", b"2")
    yield "latin-1 line ends", "equal", latin, latin.replace(b"\r\n", b"\n")
    for label, expect, one, other in NUMBERS_CSV:
        swap = delimiter.encode()
        yield label, expect, one.replace(b",", swap), other.replace(b",", swap)


def _tsv(rng: random.Random) -> Iterator[Pair]:
    return _csv(rng, "\t")


def _text(rng: random.Random) -> Iterator[Pair]:
    lines = [f"line {n} {rng.random()}" for n in range(5)]
    base = "\n".join(lines).encode()
    yield "digit", "different", base, base[:-1] + bytes([base[-1] ^ 1])
    yield "order", "different", base, "\n".join(lines[::-1]).encode()
    yield "line ends", "different", base, "\r\n".join(lines).encode()
    yield "end", "different", base, base + b"\n"
    yield "mark", "different", base, b"\xef\xbb\xbf" + base


# ---- arrays


def _objects() -> tuple[bytes, bytes]:
    """An array of objects, and the same with its pickle in another protocol."""
    held = np.array([1, "a", None, {2, 3}], dtype=object)
    file = io.BytesIO()
    np.lib.format.write_array(file, held)
    npy = file.getvalue()
    start = npy.index(b"\n") + 1
    assert pickle.loads(npy[start:])[1] == "a"
    return npy, npy[:start] + pickle.dumps(held, 2)


def _npy(rng: random.Random) -> Iterator[Pair]:
    def saved(*values: Any, version: Any = None) -> bytes:
        file = io.BytesIO()
        for value in values:
            np.lib.format.write_array(file, np.asanyarray(value), version=version)
        return file.getvalue()

    a = array(rng)
    base = saved(a)
    yield from made(
        base, ((label, saved(other)) for label, other in other_arrays(a, rng)), "different"
    )
    yield "another array", "different", base, saved(a, a)
    yield "<header> version", "equal", base, saved(a, version=(2, 0))
    if a.ndim > 1:
        yield "<dimensions>", "equal", base, saved(np.asfortranarray(a))
    if a.dtype.itemsize > 1:
        yield "<byte-order>", "equal", base, saved(a.astype(a.dtype.newbyteorder(">")))
    rows = np.zeros(3, np.dtype([("x", "f4"), ("n", "i8")], align=True))
    rows["n"] = [rng.randrange(99) for _ in range(3)]
    padded, moved = rows.copy(), rows.copy()
    padded.view(np.uint8)[5] = 7
    moved["n"][1] += 1
    yield "<between> fields", "equal", saved(rows), saved(padded)
    yield "field", "different", saved(rows), saved(moved)
    yield (
        "field order",
        "different",
        saved(rows),
        saved(np.lib.recfunctions.repack_fields(rows[["n", "x"]])),
    )
    yield "empty shape", "different", saved(np.zeros((0, 3))), saved(np.zeros((0, 4)))
    yield "<objects>", "equal", *_objects()
    yield from trailing(base, rng)


def _npz(rng: random.Random) -> Iterator[Pair]:
    def saved(values: dict[str, Any], compressed: bool = False) -> bytes:
        file = io.BytesIO()
        (np.savez_compressed if compressed else np.savez)(file, **values)
        return file.getvalue()

    d = arrays(rng)
    base = saved(d)
    yield from made(
        base, ((label, saved(other)) for label, other in other_dicts(d, rng)), "different"
    )
    yield "compression", "equal", base, saved(d, True)
    yield "order of members", "equal", base, saved(dict(reversed(d.items())))
    yield from zip_rows(base)
    for row, here, there in lie_otherwise():
        yield f"<{row}>", "equal", saved({"a": here}), saved({"a": there})
    later = io.BytesIO()
    np.lib.format.write_array(later, np.arange(3), version=(2, 0))
    numbers = saved({"a": np.arange(3)})
    changed = rezipped(numbers, data={"a.npy": later.getvalue()})
    yield "<header>", "equal", rezipped(numbers), changed
    one, other = _objects()
    held = [rezipped(numbers, data={"a.npy": npy}) for npy in (one, other)]
    yield "<objects>", "equal", held[0], held[1]
    yield from trailing(base, rng)
    yield "before", "unequal", base, b"PK\3\4 before" + base


def _safetensors(rng: random.Random) -> Iterator[Pair]:
    from safetensors.numpy import save

    d = {key: value for key, value in arrays(rng).items() if value.dtype.kind != "c"}
    d["first"], d["second"] = array(rng, "f4"), array(rng, "f2")
    base = save(d, {"step": "7", "by": "x"})
    for label, other in other_dicts(d, rng):
        if all(np.asarray(value).dtype.kind != "c" for value in other.values()):
            yield label, "different", base, save(other, {"step": "7", "by": "x"})
    yield "metadata", "different", base, save(d, {"step": "8", "by": "x"})
    yield "metadata gone", "different", base, save(d, {"step": "7"})
    length = struct.unpack("<Q", base[:8])[0]
    header, body = json.loads(base[8 : 8 + length]), base[8 + length :]
    for keys in (sorted(header), sorted(header, reverse=True)):
        text = json.dumps({key: header[key] for key in keys}).encode()
        text += b" " * (-len(text) % 8)
        yield "<order> of the header", "equal", base, struct.pack("<Q", len(text)) + text + body
    text = base[8 : 8 + length] + b" " * 16
    yield "<spaces> in the header", "equal", base, struct.pack("<Q", len(text)) + text + body
    yield from trailing(base, rng)


# ---- pickles


class Net:
    def __init__(self, **said: Any) -> None:
        self.__dict__.update(said)


class Stack(list):
    pass


def plain(rng: random.Random) -> dict[Any, Any]:
    return {
        "weights": array(rng, "f8"),
        "list": [scalar(rng), scalar(rng), [1, 2.5, (3, None)]],
        "set": {"a", "b", rng.choice("cdef")},
        "frozen": frozenset({1, 2, rng.randrange(3, 9)}),
        (1, "two"): b"bytes" + bytes([rng.randrange(256)]),
        "ordered": OrderedDict(a=1, b=rng.random()),
        "object": Net(depth=rng.randrange(9), inner=Net(x=[1])),
        "stack": Stack([1, 2, 3]),
        "scalar": np.float32(rng.random()),
        "mutable": bytearray(b"abc"),
        np.int64(7): "seven",
        (np.int64(1), np.int64(2)): "pair",
        "long": [rng.random() for _ in range(100)],
    }


def other_plain(value: dict[Any, Any], rng: random.Random) -> Iterator[tuple[str, Any]]:
    def with_(key: Any, other: Any) -> dict[Any, Any]:
        return {**value, key: other}

    for label, other in other_arrays(value["weights"], rng):
        yield label, with_("weights", other)
    for label, other in other_documents([scalar(rng), scalar(rng), [1, 2.5, None]], rng):
        yield f"value {label}", with_("list", other)
    yield "1 and 1.0", with_("list", [*value["list"][:2], [1.0, 2.5, (3, None)]])
    yield "1 and True", with_("list", [*value["list"][:2], [True, 2.5, (3, None)]])
    yield "tuple and list", with_("list", [*value["list"][:2], [1, 2.5, [3, None]]])
    yield "set", with_("set", {*value["set"], "zz"})
    yield "set and frozenset", with_("set", frozenset(value["set"]))
    yield "frozen", with_("frozen", frozenset({1, 2}))
    yield "bytes", with_((1, "two"), b"other")
    yield "bytes and bytearray", with_("mutable", b"abc")
    yield (
        "order of an OrderedDict",
        with_("ordered", OrderedDict(reversed(value["ordered"].items()))),
    )
    yield "dict and OrderedDict", with_("ordered", dict(value["ordered"]))
    yield "attribute", with_("object", Net(depth=99, inner=Net(x=[1])))
    yield "class", with_("stack", [1, 2, 3])
    yield "scalar and array", with_("scalar", np.array(value["scalar"]))
    yield "scalar type", with_("scalar", np.float64(value["scalar"]))
    yield (
        "key",
        {(np.int64(8) if isinstance(key, np.int64) else key): item for key, item in value.items()},
    )
    yield "long", with_("long", [*value["long"][:-1], 0.5])
    shared = [1, 2]
    yield "alias", with_("alias", [shared, shared])


def _pickle(rng: random.Random) -> Iterator[Pair]:
    value = plain(rng)
    base = pickle.dumps(value)
    yield from made(
        base,
        ((label, pickle.dumps(other)) for label, other in other_plain(value, rng)),
        "different",
    )
    for protocol in range(6):
        yield f"<protocol> {protocol}", "equal", base, pickle.dumps(value, protocol)
    yield from pickle_rows(pickle.dumps)
    yield "<keys> of all", "equal", base, pickle.dumps(dict(reversed(value.items())))
    shared, copied = [1, 2], [1, 2]
    yield (
        "alias or copy",
        "different",
        pickle.dumps([shared, shared]),
        pickle.dumps([shared, copied]),
    )
    yield "several", "different", base + pickle.dumps(1), base + pickle.dumps(2)
    yield from trailing(base, rng)


def _joblib(rng: random.Random) -> Iterator[Pair]:
    import joblib
    from sklearn.linear_model import Ridge
    from sklearn.tree import DecisionTreeRegressor

    def saved(value: Any, compress: Any = 0) -> bytes:
        file = io.BytesIO()
        joblib.dump(value, file, compress=compress)
        return file.getvalue()

    value = plain(rng)
    base = saved(value)
    yield from made(
        base, ((label, saved(other)) for label, other in other_plain(value, rng)), "different"
    )
    for method in (("zlib", 1), ("zlib", 9), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)):
        yield f"compression {method}", "equal", base, saved(value, method)
    yield "two compressions", "equal", saved(value, ("zlib", 1)), saved(value, ("zlib", 9))
    x = np.array([[rng.random(), rng.random()] for _ in range(20)])
    y = x.sum(axis=1)
    for model in (Ridge(), DecisionTreeRegressor(random_state=0, max_depth=3)):
        one = saved(model.fit(x, y))
        yield "model again", "equal", one, saved(model.fit(x, y), 3)
        y2 = y.copy()
        y2[3] += 1
        yield "model", "different", one, saved(model.fit(x, y2))
    yield from trailing(base, rng)


def _states(rng: random.Random) -> Any:
    import torch

    torch.manual_seed(rng.randrange(1 << 30))
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    shared = torch.randn(6)
    return {
        "model": net.state_dict(),
        "half": torch.randn(3).to(torch.bfloat16),
        "tied": [shared, shared.view(2, 3)],
        "turned": torch.randn(2, 3).t(),
        "slice": torch.arange(10.0)[2:5],
        "parameter": torch.nn.Parameter(torch.randn(2)),
        "quantized": torch.quantize_per_tensor(torch.randn(3), 0.1, 3, torch.qint8),
        "rng": torch.get_rng_state(),
        "epoch": 3,
        "keys": {torch.tensor([1.0]): "a", (1, 2): torch.tensor(5)},
        "set": {torch.tensor([2.0]), torch.tensor([3.0])},
        "eight": torch.randn(4).to(torch.float8_e4m3fn),
        "complex": torch.randn(2, dtype=torch.complex64),
    }


def _other_states(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    import torch

    def with_(key: str, other: Any) -> dict[str, Any]:
        return {**state, key: other}

    model = OrderedDict(state["model"])
    weight = model["0.weight"].clone()
    weight[1, 2] = torch.nextafter(weight[1, 2], torch.tensor(9.0))
    yield "last digit", with_("model", OrderedDict(model, **{"0.weight": weight}))
    minus = OrderedDict(model)
    minus["1.bias"] = -torch.zeros(4)
    yield "sign of zero", with_("model", minus)
    yield "order of the state", with_("model", OrderedDict(reversed(model.items())))
    yield "name", with_("model", OrderedDict((f"x{key}", item) for key, item in model.items()))
    yield "dtype", with_("half", state["half"].to(torch.float16))
    yield "float and bfloat16", with_("half", state["half"].to(torch.float32))
    yield "shape", with_("half", state["half"].reshape(3, 1))
    yield "tied or copied", with_("tied", [state["tied"][0], state["tied"][1].clone()])
    yield "parameter or tensor", with_("parameter", state["parameter"].data)
    other = torch.arange(10.0)
    other[9] = 77
    yield "what a slice does not show", with_("slice", other[2:5])
    yield (
        "scale",
        with_("quantized", torch.quantize_per_tensor(torch.zeros(3), 0.2, 3, torch.qint8)),
    )
    rng_state = state["rng"].clone()
    rng_state[40] ^= 1
    yield "generator", with_("rng", rng_state)
    yield "epoch", with_("epoch", 3.0)
    yield "key of a tensor", with_("keys", {torch.tensor([9.0]): "a", (1, 2): torch.tensor(5)})
    yield "set of tensors", with_("set", {torch.tensor([2.0]), torch.tensor([4.0])})
    yield "eight bits", with_("eight", (-state["eight"].to(torch.float32)).to(torch.float8_e4m3fn))
    yield "gone", {key: item for key, item in state.items() if key != "complex"}


def _torch(rng: random.Random, legacy: bool = False) -> Iterator[Pair]:
    import torch

    def saved(value: Any, protocol: int = 2, old: bool = legacy) -> bytes:
        file = io.BytesIO()
        torch.save(value, file, pickle_protocol=protocol, _use_new_zipfile_serialization=not old)
        return file.getvalue()

    state = _states(rng)
    base = saved(state)
    yield from made(
        base, ((label, saved(other)) for label, other in _other_states(state)), "different"
    )
    again = {
        key: (
            item.clone()
            if isinstance(item, torch.Tensor) and key not in ("slice", "turned", "parameter")
            else item
        )
        for key, item in state.items()
    }
    yield "<numbers> again", "equal", base, saved(again)
    turned = dict(reversed(state.items()))
    yield "<numbers> of storages in another order", "equal", base, saved(turned)
    yield (
        "<sets> and keys again",
        "equal",
        base,
        saved({**state, "set": {*reversed(list(state["set"]))}}),
    )
    yield "the other format", "equal", base, saved(state, old=not legacy)
    grad = {**state, "half": state["half"].clone().requires_grad_()}
    yield "<grad>", "equal", base, saved(grad)
    yield (
        "<strides>",
        "equal",
        saved({"w": torch.arange(6.0).reshape(2, 3)}),
        saved({"w": torch.arange(6.0).reshape(2, 3).t().contiguous().t()}),
    )
    halves = torch.arange(6.0)
    swapped = torch.cat([halves[3:], halves[:3]])
    one, other = {"a": halves[:3], "b": halves[3:]}, {"a": swapped[3:], "b": swapped[:3]}
    yield "<begins>", "equal", saved(one), saved(other)
    yield from pickle_rows(saved, 3, 4, 5)
    yield from _on_a_gpu(saved({"w": torch.ones(2)}), legacy)
    if legacy:
        whole = saved(torch.nn.Linear(2, 1))
        yield "<source>", "equal", whole, whole.replace(b"linear.py", b"linear.pz")
        yield "several saves", "different", base + saved({"n": 1}), base + saved({"n": 2})
    else:
        file = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(base)) as old,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for info in old.infolist():
                new.writestr(info.filename.replace("archive/", "other/"), old.read(info))
        yield "<root> packed again", "equal", base, file.getvalue()
        yield from zip_rows(base)
        yield from _members_of_torch(base)
    yield from trailing(base, rng)


def _on_a_gpu(base: bytes, legacy: bool) -> Iterator[Pair]:
    """The same checkpoint as one of a tensor on a GPU; the words are those that torch writes."""
    here, there = b"X\3\0\0\0cpu", b"X\6\0\0\0cuda:0"
    if legacy:
        assert here in base
        yield "<device>", "equal", base, base.replace(here, there)
        return
    with zipfile.ZipFile(io.BytesIO(base)) as archive:
        held = next(archive.read(one) for one in archive.namelist() if one.endswith("data.pkl"))
    assert here in held
    moved = rezipped(base, data={"data.pkl": held.replace(here, there)})
    yield "<device>", "equal", rezipped(base), moved


def _members_of_torch(base: bytes) -> Iterator[Pair]:
    import torch

    other = rezipped(base, data={".data/serialization_id": b"0123456789"})
    yield "<versions>", "equal", rezipped(base), other
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 1), torch.ones(2)), file)
    script = file.getvalue()
    with zipfile.ZipFile(file) as archive:
        assert any(name.endswith(".debug_pkl") for name in archive.namelist())
        code = next(name for name in archive.namelist() if name.endswith(".py"))
        changed = archive.read(code) + b"# changed\n"
    moved = rezipped(script, data={".debug_pkl": b"another line"})
    yield "<debug>", "equal", rezipped(script), moved
    yield (
        "code of TorchScript",
        "different",
        rezipped(script),
        rezipped(script, data={code: changed}),
    )


def _legacy(rng: random.Random) -> Iterator[Pair]:
    return _torch(rng, legacy=True)


# ---- pictures and events


def _png(rng: random.Random) -> Iterator[Pair]:
    from PIL import Image, PngImagePlugin

    mode = rng.choice(["RGB", "RGBA", "L", "P", "1", "I;16", "LA"])
    size = (rng.randint(3, 9), rng.randint(3, 9))
    channels = {"RGB": 3, "RGBA": 4, "LA": 2, "I;16": 2}.get(mode, 1)
    data = (
        rng.randbytes(size[0] * size[1] * channels)
        if mode != "1"
        else rng.randbytes((size[0] + 7) // 8 * size[1])
    )

    def image(raw: bytes, palette: int = 0) -> Any:
        found = Image.frombytes(mode, size, raw)
        if mode == "P":
            found.putpalette([(n * 3 + palette) % 256 for n in range(768)])
        return found

    def saved(picture: Any, level: int = 6, **said: Any) -> bytes:
        file, info = io.BytesIO(), PngImagePlugin.PngInfo()
        for key, value in said.items():
            info.add_text(key, value)
        picture.save(file, "png", compress_level=level, pnginfo=info)
        return file.getvalue()

    base = saved(image(data), Title="a")
    changed = bytearray(data)
    changed[0] ^= 1 if mode != "1" else 128
    yield "pixel", "different", base, saved(image(bytes(changed)), Title="a")
    yield "text", "different", base, saved(image(data), Title="b")
    yield "text gone", "different", base, saved(image(data))
    if mode == "P":
        yield "palette", "different", base, saved(image(data, 1), Title="a")
    for level in (0, 1, 9):
        yield f"<compression> level {level}", "equal", base, saved(image(data), level, Title="a")
    if mode in ("RGB", "L", "RGBA"):
        yield "<interlacing>", "equal", base, _adam7(base)
        yield "<filters>", "equal", base, _filtered(base)
    yield "<division>", "equal", base, _png_of(_divided(_png_chunks(base)))
    head, *middle, end = _png_chunks(base)
    texts = [one for one in middle if one[0] == b"tEXt"]
    others = [one for one in middle if one[0] != b"tEXt"]
    yield "<order>", "equal", base, _png_of([head, *others, *texts, end])
    turned = (
        Image.frombytes(mode, size[::-1], data)
        if mode not in ("1", "P") and size[0] != size[1]
        else None
    )
    if turned:
        yield "size", "different", base, saved(turned, Title="a")
    yield from trailing(base, rng)
    frames = [Image.new("RGB", (4, 4), (n, rng.randrange(256), 0)) for n in range(3)]
    other = [*frames[:2], Image.new("RGB", (4, 4), (9, 9, 9))]

    def animated(pictures: list[Any], duration: int = 100, level: int = 6) -> bytes:
        file = io.BytesIO()
        pictures[0].save(
            file,
            "png",
            save_all=True,
            append_images=pictures[1:],
            duration=duration,
            compress_level=level,
        )
        return file.getvalue()

    yield "frame", "different", animated(frames), animated(other)
    yield "duration", "different", animated(frames), animated(frames, 200)
    yield "packed again", "equal", animated(frames), animated(frames, level=0)


def _png_chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 8
    while place < len(png):
        size = int.from_bytes(png[place : place + 4], "big")
        found.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + size]))
        place += 12 + size
    return found


def _png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    out = b"\x89PNG\r\n\x1a\n"
    for name, held in chunks:
        crc = zlib.crc32(name + held).to_bytes(4, "big")
        out += len(held).to_bytes(4, "big") + name + held + crc
    return out


def _divided(chunks: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Pixels in two chunks more."""
    found = []
    for name, held in chunks:
        found += [(name, held[:3]), (name, held[3:])] if name == b"IDAT" else [(name, held)]
    return found


def _filtered(png: bytes) -> bytes:
    """The same picture with the filter `Sub` in each row."""
    from PIL import Image

    picture = np.asarray(Image.open(io.BytesIO(png)))
    picture = picture[:, :, None] if picture.ndim == 2 else picture
    before = np.zeros_like(picture)
    before[:, 1:] = picture[:, :-1]
    packed = zlib.compress(b"".join(b"\1" + row.tobytes() for row in picture - before))
    head, *middle, end = _png_chunks(png)
    middle = [one for one in middle if one[0] != b"IDAT"]
    return _png_of([head, *middle, (b"IDAT", packed), end])


def _adam7(png: bytes) -> bytes:
    """The same picture interlaced; Pillow only reads those."""
    from PIL import Image

    picture = np.asarray(Image.open(io.BytesIO(png)))
    picture = picture[:, :, None] if picture.ndim == 2 else picture
    raw = b""
    for x, y, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        part = picture[y::dy, x::dx]
        if part.size:
            raw += b"".join(b"\0" + row.tobytes() for row in part)
    head, *middle, end = _png_chunks(png)
    middle = [one for one in middle if one[0] != b"IDAT"]
    interlaced = (b"IHDR", head[1][:12] + b"\1")
    out = _png_of([interlaced, *middle, (b"IDAT", zlib.compress(raw)), end])
    found = np.asarray(Image.open(io.BytesIO(out)))
    assert np.array_equal(found.reshape(picture.shape), picture)
    return out


def _tensorboard(rng: random.Random) -> Iterator[Pair]:
    import tempfile

    import torch
    from tensorboard.compat.proto import event_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter
    from torch.utils.tensorboard import SummaryWriter

    pixels = torch.tensor([[[rng.random()] * 4] * 4] * 3)

    def written(**said: Any) -> bytes:
        with tempfile.TemporaryDirectory() as home:
            writer = SummaryWriter(home)
            for step in range(3):
                writer.add_scalar(
                    said.get("tag", "train/loss"),
                    said.get("loss", 0.5) + step,
                    step + said.get("shift", 0),
                )
            writer.add_image("picture", said.get("picture", pixels), 1)
            writer.add_histogram("weights", torch.arange(9.0) + said.get("more", 0.0), 2)
            writer.add_text("note", said.get("note", "x"), 0)
            writer.add_hparams({"lr": said.get("lr", 0.1)}, {"hp/acc": 0.5}, run_name=".")
            writer.add_tensor("t", torch.tensor(said.get("ints", [1, 2])), 0) if hasattr(
                writer, "add_tensor"
            ) else None
            writer.close()
            return b"".join(path.read_bytes() for path in sorted(Path(home).rglob("*tfevents*")))

    base = written()
    changes: list[dict[str, Any]] = [
        {"loss": 0.5000001},
        {"loss": -0.0},
        {"tag": "train.loss"},
        {"shift": 1},
        {"picture": 1 - pixels},
        {"more": 1.0},
        {"note": "y"},
        {"lr": 0.2},
    ]
    for change in changes:
        yield str(*change), "different", base, written(**change)
    yield "another time", "equal", base, written()
    events = []
    place = 0
    while place < len(base):
        size = int.from_bytes(base[place : place + 8], "little")
        events.append(event_pb2.Event.FromString(base[place + 12 : place + 12 + size]))
        place += 16 + size

    def again(found: list[Any]) -> bytes:
        file = io.BytesIO()
        writer = RecordWriter(file)
        for event in found:
            writer.write(event.SerializeToString())
        return file.getvalue()

    for event in events:
        event.wall_time += rng.random()
    yield "<clock>", "equal", base, again(events)
    first, second, *rest = [one for one in events if one.step == 2]
    swapped = [*(one for one in events if one.step != 2), second, first, *rest]
    yield "<order>", "equal", base, again(swapped)
    yield "one fewer", "different", base, again(events[:-1])
    forms: list[Any] = [event_pb2.Event(step=1), event_pb2.Event(step=1)]
    for event in forms:
        value = event.summary.value.add(tag="t")
        value.tensor.dtype = 1
        value.tensor.tensor_shape.dim.add(size=2)
    forms[0].summary.value[0].tensor.tensor_content = struct.pack("<2f", 1.0, 2.5)
    forms[1].summary.value[0].tensor.float_val.extend([1.0, 2.5])
    yield "<form>", "equal", again(forms[:1]), again(forms[1:])
    yield "cut", "unequal", base, base[:-5]
    yield from trailing(base, rng)


# ---- containers


def _members(rng: random.Random) -> dict[str, bytes]:
    return {
        "a.txt": b"one\n" * rng.randint(1, 9),
        "d/b.json": json.dumps({"n": rng.random()}).encode(),
        "raw.bin": b"\0" + rng.randbytes(9),
    }


def _other_members(members: dict[str, bytes]) -> Iterator[tuple[str, dict[str, bytes]]]:
    yield "text", {**members, "a.txt": b"two\n"}
    yield "json", {**members, "d/b.json": b'{"n": 5}'}
    yield "bytes", {**members, "raw.bin": members["raw.bin"][:-1] + b"\xff\xfe"}
    yield "name", {("b.txt" if key == "a.txt" else key): value for key, value in members.items()}
    yield "gone", {key: value for key, value in members.items() if key != "a.txt"}
    yield "more", {**members, "new": b""}


def _zip(rng: random.Random) -> Iterator[Pair]:
    def packed(
        members: dict[str, bytes],
        year: int = 2000,
        how: int = zipfile.ZIP_STORED,
        comment: bytes = b"",
        mode: int = 0o600,
        each: bytes = b"",
    ) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", how) as archive:
            archive.comment = comment
            for name, data in members.items():
                info = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
                info.compress_type, info.external_attr, info.comment = how, mode << 16, each
                archive.writestr(info, data)
        return file.getvalue()

    members = _members(rng)
    base = packed(members)
    yield from made(
        base, ((label, packed(other)) for label, other in _other_members(members)), "different"
    )
    yield from zip_rows(base)
    for how in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"method {how}", "equal", base, packed(members, how=how)
    yield "time", "equal", base, packed(members, 2020)
    yield "permissions", "equal", base, packed(members, mode=0o755)
    yield "order", "equal", base, packed(dict(reversed(members.items())))
    yield (
        "json inside",
        "equal",
        base,
        packed(
            {**members, "d/b.json": json.dumps(json.loads(members["d/b.json"]), indent=1).encode()}
        ),
    )
    yield "comment", "unequal", base, packed(members, comment=b"x")
    yield "comment of a member", "unequal", base, packed(members, each=b"x")
    yield "other comment", "unequal", packed(members, comment=b"y"), packed(members, comment=b"x")
    yield "before", "unequal", base, base + base
    streamed = io.BytesIO()

    class NoSeek(io.RawIOBase):
        def write(self, data: Any) -> int:
            return streamed.write(data)

        def writable(self) -> bool:
            return True

    with zipfile.ZipFile(NoSeek(), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    yield "streamed", "equal", base, streamed.getvalue()
    yield from trailing(base, rng)


def _tar(rng: random.Random) -> Iterator[Pair]:
    def packed(
        members: dict[str, Any],
        kind: int = tarfile.PAX_FORMAT,
        time: float = 0,
        mode: int = 0o644,
        owner: str = "",
    ) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=kind) as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.mtime, info.mode, info.uname = time, mode, owner
                if isinstance(data, str):
                    info.type, info.linkname = (
                        (tarfile.LNKTYPE, data[1:]) if data[0] == "=" else (tarfile.SYMTYPE, data)
                    )
                    archive.addfile(info)
                else:
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
        return file.getvalue()

    members: dict[str, Any] = _members(rng)
    base = packed(members)
    yield from made(
        base, ((label, packed(other)) for label, other in _other_members(members)), "different"
    )
    for kind in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        yield f"<dialect> {kind}", "equal", base, packed(members, kind)
    yield "<times>", "equal", base, packed(members, time=1234.5)
    yield "<permissions>", "equal", base, packed(members, mode=0o755)
    yield "<owners>", "equal", base, packed(members, owner="me")
    yield "<order>", "equal", base, packed(dict(reversed(members.items())))
    one, other = {"x": b"data", "y": "=x"}, {"y": b"data", "x": "=y"}
    yield "<links> hard links either way", "equal", packed(one), packed(other)
    yield "<padding>", "equal", base, base + bytes(tarfile.RECORDSIZE)
    yield "hard link or copy", "different", packed(one), packed({"x": b"data", "y": b"data"})
    yield "link", "different", packed({"x": b"1", "y": "x"}), packed({"x": b"1", "y": "z"})
    yield from trailing(base, rng)


def _streams(pack: Callable[..., bytes], levels: tuple[Any, ...]) -> Generator:
    def pairs(rng: random.Random) -> Iterator[Pair]:
        value = {"n": rng.random(), "s": "x" * rng.randrange(50)}
        data = json.dumps(value).encode()
        base = pack(data, levels[0])
        yield "value", "different", base, pack(json.dumps({**value, "n": 5}).encode(), levels[0])
        for level in levels[1:]:
            yield f"<packing> level {level}", "equal", base, pack(data, level)
        yield (
            "written otherwise",
            "equal",
            base,
            pack(json.dumps(value, indent=1).encode(), levels[0]),
        )
        yield from trailing(base, rng)

    return pairs


def _gzip(rng: random.Random) -> Iterator[Pair]:
    yield from _streams(lambda data, level: gzip.compress(data, level, mtime=level), (1, 6, 9))(rng)
    one = gzip.compress(b'{"a":', mtime=0) + gzip.compress(b" 1}", mtime=3)
    data = b'{"a": 1}'
    yield "<time>", "equal", gzip.compress(data, mtime=1), gzip.compress(data, mtime=2)
    yield "two members", "equal", one, gzip.compress(b'{"a": 1}')
    named = io.BytesIO()
    with gzip.GzipFile("some name", "wb", fileobj=named) as file:
        file.write(b'{"a": 1}')
    yield "<name>", "equal", named.getvalue(), gzip.compress(b'{"a": 1}')


# ---- tables and trees


def _hdf5_objects(saved: Callable[..., bytes]) -> Iterator[Pair]:
    import h5py

    def two(file: Any, *names: str, comment: bytes = b"", gone: bool = False) -> None:
        for name in names:
            file[name] = len(name)
        if comment:
            h5py.h5o.set_comment(file.id, comment, obj_name=names[0].encode())
        if gone:
            file["gone"] = np.arange(99)
            del file["gone"]

    base = saved(lambda file: two(file, "a", "bb"))
    yield "<order>", "equal", base, saved(lambda file: two(file, "bb", "a"))
    yield "<space> unused", "equal", base, saved(lambda file: two(file, "a", "bb", gone=True))
    said = saved(lambda file: two(file, "a", "bb", comment=b"a comment"))
    assert b"a comment" in said
    yield "<comments>", "equal", base, said


def _hdf5(rng: random.Random) -> Iterator[Pair]:
    import h5py

    def saved(fill: Callable[[Any], None], **how: Any) -> bytes:
        file = io.BytesIO()
        with h5py.File(file, "w", **how) as opened:
            fill(opened)
        return file.getvalue()

    values, numbers = array(rng, "f4", (8, 5)), array(rng, "i8", (4,))
    enum = h5py.enum_dtype({"RED": 0, "BLUE": 1}, basetype="i1")

    def plain(file: Any, **said: Any) -> None:
        file.create_dataset("g/x", data=said.get("x", values), **said.get("how", {}))
        file["n"] = said.get("n", numbers)
        file["text"] = said.get("text", "héllo")
        file["texts"] = said.get("texts", ["a", "b"])
        file.create_dataset("enum", data=np.array([0, 1], "i1"), dtype=said.get("enum", enum))
        file["empty"] = said.get("empty", h5py.Empty("f4"))
        file["none"] = said.get("none", np.zeros((0, 3)))
        file["rows"] = said.get("rows", np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]))
        file["g"].attrs["unit"] = said.get("unit", "m")
        file["g"].attrs["shape"] = said.get("attr", [1, 2])
        file["soft"] = h5py.SoftLink(said.get("soft", "/n"))
        file["strings0"] = np.zeros(said.get("strings0", (0, 3)), dtype="S3")

    base = saved(plain)
    changed = values.copy()
    changed[2, 3] = np.nextafter(changed[2, 3], np.float32(99))
    other: list[dict[str, Any]] = [
        *({"x": item} for item in (changed, values.T.copy(), values.astype("f8"), -np.abs(values))),
        *({"n": item} for item in (numbers[::-1].copy(), numbers + 1, numbers.astype("i4"))),
        {"text": "hello"},
        {"texts": ["a", "c"]},
        {"enum": h5py.enum_dtype({"RED": 0, "GREEN": 1}, basetype="i1")},
        {"enum": np.dtype("i1")},
        {"empty": h5py.Empty("f8")},
        {"empty": np.zeros((0,), "f4")},
        {"none": np.zeros((0, 4))},
        {"rows": np.array([(1, 2.75)], dtype=[("a", "i4"), ("b", "f8")])},
        {"rows": np.array([(1, 2.5)], dtype=[("a", "i4"), ("c", "f8")])},
        {"unit": "s"},
        {"attr": [1, 3]},
        {"attr": np.array([1, 2], "i2")},
        {"soft": "/x"},
        {"strings0": (0, 4)},
    ]
    for change in other:
        yield (
            f"{next(iter(change))}",
            "different",
            base,
            saved(lambda file, change=change: plain(file, **change)),
        )
    hows: tuple[tuple[str, dict[str, Any]], ...] = (
        ("chunks", {"chunks": (2, 5)}),
        ("filters", {"compression": "gzip"}),
        ("filters", {"compression": "lzf", "shuffle": True}),
        ("filters", {"fletcher32": True}),
        ("maximum", {"maxshape": (None, 5)}),
        ("fill", {"fillvalue": 7}),
        ("times", {"track_times": True}),
    )
    for row, how in hows:
        changed = saved(lambda file, how=how: plain(file, how=how))
        yield f"<{row}> {how}", "equal", base, changed
    yield "<byte-order>", "equal", base, saved(lambda file: plain(file, x=values.astype(">f4")))
    yield "<space>", "equal", base, saved(plain, libver="latest")
    yield from _hdf5_objects(saved)
    yield (
        "block of the user",
        "unequal",
        base,
        saved(plain, userblock_size=512)[:0] + b"user".ljust(512, b"\0") + base,
    )
    yield from trailing(base, rng)

    def both(file: Any, attribute: bool) -> None:
        file["x"] = 1
        if attribute:
            file["x"].attrs["y"] = 5
        else:
            file["x@y"] = 5

    yield (
        "attribute or dataset",
        "different",
        saved(lambda file: both(file, True)),
        saved(lambda file: both(file, False)),
    )


def _tables(rng: random.Random) -> tuple[Any, list[tuple[str, Any]]]:
    import pandas

    rows = 6
    frame = pandas.DataFrame(
        {
            "n": [rng.randrange(99) for _ in range(rows)],
            "f": [rng.random() for _ in range(rows)],
            "s": [rng.choice("abc") + str(rng.randrange(9)) for _ in range(rows)],
            "t": pandas.date_range("2026-01-01", periods=rows),
            "b": [bool(rng.randrange(2)) for _ in range(rows)],
            "m": pandas.array([1, None, 3, 4, 5, 6], dtype="Int64"),
        }
    )
    others = []
    for column, value in (("n", 100), ("f", 2.5), ("s", "zz"), ("m", 9)):
        changed = frame.copy()
        changed.loc[2, column] = value
        others.append((f"cell of {column}", changed))
    minus = frame.copy()
    minus["f"] = 0.0
    zero = minus.copy()
    zero["f"] = -0.0
    others += [("null", frame.assign(m=pandas.array([1, 2, 3, 4, 5, 6], dtype="Int64")))]
    others += [
        ("order", frame.iloc[::-1]),
        ("index", frame.set_index("s")),
        ("row", frame.iloc[:-1]),
    ]
    others += [("name", frame.rename(columns={"n": "N"})), ("column", frame.drop(columns="b"))]
    others += [("dtype", frame.astype({"n": "int32"})), ("named index", frame.rename_axis("row"))]
    return frame, others


def _of_another_pandas(table: Any) -> Any:
    found = json.loads(table.schema.metadata[b"pandas"])
    found["pandas_version"] = "0.0.1"
    metadata = {**table.schema.metadata, b"pandas": json.dumps(found).encode()}
    return table.replace_schema_metadata(metadata)


def _parquet(rng: random.Random) -> Iterator[Pair]:
    import pyarrow
    import pyarrow.parquet as parquet

    frame, others = _tables(rng)

    def saved(value: Any, user: str = "x", **how: Any) -> bytes:
        file = io.BytesIO()
        table = value if isinstance(value, pyarrow.Table) else pyarrow.Table.from_pandas(value)
        table = table.replace_schema_metadata(
            {**(table.schema.metadata or {}), b"run": user.encode()}
        )
        parquet.write_table(table, file, **how)
        return file.getvalue()

    base = saved(frame)
    yield from made(base, ((label, saved(other)) for label, other in others), "different")
    yield "user's metadata", "different", base, saved(frame, "y")
    hows: tuple[tuple[str, dict[str, Any]], ...] = (
        ("compression", {"compression": "none"}),
        ("compression", {"compression": "gzip"}),
        ("compression", {"compression": "zstd"}),
        ("division", {"row_group_size": 2}),
        ("encoding", {"use_dictionary": False}),
        ("encoding", {"data_page_version": "2.0"}),
        ("statistics", {"write_statistics": False}),
        ("statistics", {"write_page_index": True}),
        ("checksums", {"write_page_checksum": True}),
        ("encoding", {"version": "2.4", "coerce_timestamps": None}),
    )
    for row, how in hows:
        yield f"<{row}> {how}", "equal", base, saved(frame, **how)
    assert b"parquet-cpp" in base
    yield "<writer>", "equal", base, base.replace(b"parquet-cpp", b"parquet-CPP")
    table = pyarrow.Table.from_pandas(frame)
    yield "<writer> version of pandas", "equal", base, saved(_of_another_pandas(table))
    nested = pyarrow.table({"l": [[1, 2], None, []], "d": [{"a": 1}, {"a": None}, None]})
    nested2 = pyarrow.table({"l": [[1, 2], [], []], "d": [{"a": 1}, {"a": None}, None]})
    yield "null or empty list", "different", saved(nested), saved(nested2)
    required = pyarrow.schema([pyarrow.field("n", pyarrow.int64(), nullable=False)])
    yield (
        "nullable",
        "different",
        saved(pyarrow.table({"n": [1]})),
        saved(pyarrow.table({"n": [1]}, schema=required)),
    )
    yield from trailing(base, rng)


def _arrow_file(table: Any, said: str = "", batch: str = "") -> bytes:
    from pyarrow import ipc

    file = io.BytesIO()
    with ipc.new_file(file, table.schema, metadata={"run": said} if said else None) as writer:
        for one in table.to_batches():
            writer.write_batch(one, custom_metadata={"batch": batch} if batch else None)
    return file.getvalue()


def _arrow_memory() -> Iterator[Pair]:
    """Bytes that no value is in."""
    import pyarrow

    def column(under_null: int) -> Any:
        data = np.array([1, under_null, 3], "i8")
        buffers = [pyarrow.py_buffer(b"\5"), pyarrow.py_buffer(data.tobytes())]
        return pyarrow.table({"n": pyarrow.Array.from_buffers(pyarrow.int64(), 3, buffers)})

    yield "<nulls>", "equal", _arrow_file(column(2)), _arrow_file(column(7))
    table = pyarrow.table({"an unusual name": np.array([17, 34, 51], "i1")})
    base = _arrow_file(table)
    values = bytes([17, 34, 51])
    assert base.count(values + b"\0\0") == 1
    yield "<padding>", "equal", base, base.replace(values + b"\0\0", values + b"\0\7")
    yield "a value", "different", base, base.replace(values + b"\0", values[:2] + b"\7\0")
    name = b"an unusual name"
    assert base.count(name) == 2
    yield "<copy>", "equal", base, base.replace(name, b"another of them", 1)
    yield "both copies", "different", base, base.replace(name, b"another of them")


def _arrow_metadata(table: Any) -> Iterator[Pair]:
    base = _arrow_file(table)
    yield "<writer>", "equal", base, _arrow_file(_of_another_pandas(table))
    yield "metadata of the file", "different", _arrow_file(table, "x"), _arrow_file(table, "y")
    yield "metadata of a file or none", "different", base, _arrow_file(table, "y")
    one, other = _arrow_file(table, batch="x"), _arrow_file(table, batch="y")
    yield "metadata of a batch", "different", one, other
    yield "metadata of a batch or none", "different", base, other


def _arrow(rng: random.Random) -> Iterator[Pair]:
    import pyarrow
    from pyarrow import feather, ipc

    frame, others = _tables(rng)

    def saved(value: Any, compression: str = "lz4", chunk: int = 0) -> bytes:
        file = io.BytesIO()
        feather.write_feather(
            pyarrow.Table.from_pandas(value), file, compression=compression, chunksize=chunk or None
        )
        return file.getvalue()

    base = saved(frame)
    yield from made(base, ((label, saved(other)) for label, other in others), "different")
    for compression in ("uncompressed", "zstd"):
        yield f"<compression> {compression}", "equal", base, saved(frame, compression)
    yield "<batches>", "equal", base, saved(frame, chunk=2)
    yield from _arrow_memory()
    yield from _arrow_metadata(pyarrow.Table.from_pandas(frame))
    yield from trailing(base, rng)
    table = pyarrow.Table.from_pandas(frame)
    streams = []
    for size in (6, 2):
        file = io.BytesIO()
        with ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=size)
        streams.append(file.getvalue())
    yield "batches of a stream", "equal", streams[0], streams[1]
    yield "behind a stream", "unequal", streams[0], streams[0] + b"x"


def _yaml(rng: random.Random) -> Iterator[Pair]:
    import yaml

    value = {
        "a": document(rng),
        "list": [1, 2.5, None, "x", "1", True, "yes"],
        "n": rng.random(),
        "d": {"x": 1},
    }
    base = yaml.safe_dump(value).encode()
    for label, other in other_documents(value, rng):
        yield label, "different", base, yaml.safe_dump(other).encode()
    yield "<spaces> flow", "equal", base, yaml.safe_dump(value, default_flow_style=True).encode()
    yield (
        "<keys>",
        "equal",
        base,
        yaml.safe_dump(dict(reversed(value.items())), sort_keys=False).encode(),
    )
    yield "<comments>", "equal", base, b"# a comment\n" + base
    yield "<texts>", "equal", b"a: one\n", b"a: 'one'\n"
    yield "<texts> block", "equal", b'a: "one\\ntwo\\n"\n', b"a: |\n  one\n  two\n"
    yield "<numbers>", "equal", b"a: 1.5\n", b"a: 1.50\n"
    yield "<mark>", "equal", base, b"\xef\xbb\xbf" + base
    yield "unicode", "equal", base, yaml.safe_dump(value, allow_unicode=True, width=20).encode()
    yield "documents", "different", base, base + b"---\n" + base
    shared = [1, 2]
    yield (
        "alias or copy",
        "different",
        yaml.safe_dump({"a": shared, "b": shared}).encode(),
        yaml.safe_dump({"a": [1, 2], "b": [1, 2]}).encode(),
    )
    yield "tag", "different", b"a: !x {b: 1}\n", b"a: !y {b: 1}\n"


def _cells_and(text: str) -> bytes:
    """A notebook whose metadata are this."""
    return b'{"cells": [], "metadata": ' + text.lstrip("\ufeff").encode() + b"}"


def _ipynb(rng: random.Random) -> Iterator[Pair]:
    def book(**said: Any) -> dict[str, Any]:
        output = {
            "output_type": "stream",
            "name": "stdout",
            "text": said.get("text", ["1\n", "2\n"]),
        }
        code = {
            "cell_type": "code",
            "id": said.get("id", "a1"),
            "execution_count": said.get("count", 1),
            "source": said.get("source", ["x = 1\n", "x"]),
            "outputs": [output],
            "metadata": {
                "execution": {"iopub.execute_input": said.get("time", "2026")},
                "tags": said.get("tags", []),
            },
        }
        return {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernel": said.get("kernel", "python3")},
            "cells": [code],
        }

    base = json.dumps(book()).encode()
    for change in (
        {"text": ["1\n", "3\n"]},
        {"count": 2},
        {"source": ["x = 2\n", "x"]},
        {"tags": ["t"]},
        {"kernel": "ir"},
    ):
        yield str(change), "different", base, json.dumps(book(**change)).encode()
    for row, change in (
        ("ids", {"id": "b2"}),
        ("clocks", {"time": "2027"}),
        ("lines", {"source": "x = 1\nx"}),
        ("lines", {"text": "1\n2\n"}),
    ):
        yield f"<{row}> {change}", "equal", base, json.dumps(book(**change)).encode()
    for what, expect, one, other in json_rows(_cells_and):
        yield what, expect, one, b"\xef\xbb\xbf" + other if what == "<mark>" else other


def _sqlite(rng: random.Random) -> Iterator[Pair]:
    import sqlite3
    import tempfile

    rows = [(n, rng.random(), rng.choice(["a", "b"]), bytes([n]), None) for n in range(5)]

    def saved(
        values: list[Any] = rows,
        more: str = "",
        page: int = 4096,
        vacuum: bool = False,
        types: str = "n integer primary key, f real, s text, b blob, x",
        script: str = "",
    ) -> bytes:
        with tempfile.TemporaryDirectory() as home:
            path = Path(home) / "a.db"
            database = sqlite3.connect(path)
            database.execute(f"pragma page_size = {page}")
            database.execute(f"create table runs ({types})")
            database.executemany("insert into runs values (?, ?, ?, ?, ?)", values)
            if vacuum:
                database.execute("create table gone (x)")
                database.execute("insert into gone values (zeroblob(9000))")
                database.execute("drop table gone")
            if script:
                database.executescript(script)
            database.commit()
            if more:
                database.execute(more)
            database.commit()
            database.close()
            return path.read_bytes()

    base = saved()
    for column, value in ((1, 2.5), (1, None), (2, "c"), (3, b"zz"), (4, 0), (4, "")):
        changed = [list(row) for row in rows]
        changed[2][column] = value
        yield f"cell {column}", "different", base, saved([tuple(row) for row in changed])
    yield "row", "different", base, saved(rows[:-1])
    yield "table", "different", base, saved(more="create table other (x)")
    yield "index", "different", base, saved(more="create index i on runs (s)")
    yield "version", "different", base, saved(more="pragma user_version = 3")
    yield "type", "different", base, saved(types="n integer primary key, f, s text, b blob, x")
    yield "<pages> size", "equal", base, saved(page=1024)
    yield "order of rows", "equal", base, saved(rows[::-1])
    yield "<free> pages", "equal", base, saved(vacuum=True)
    yield "<counters>", "equal", base, saved(more="vacuum")
    yield "<journal>", "equal", base, saved(more="pragma journal_mode = wal")
    loose = "create table loose (x); insert into loose (rowid, x) values "
    hidden = saved(script=f"{loose} (1, 5), (2, 6)"), saved(script=f"{loose} (3, 5), (9, 6)")
    yield "<row-ids>", "equal", *hidden
    analyzed = "create index i on runs (s); analyze;"
    other = f"{analyzed} update sqlite_stat1 set stat = '99 9'"
    yield "<statistics>", "equal", saved(script=analyzed), saved(script=other)
    yield from trailing(base, rng)


def _onnx(rng: random.Random) -> Iterator[Pair]:
    from onnx import TensorProto, helper, numpy_helper

    weights = array(rng, "f4", (2, 3))

    def saved(
        values: Any = weights,
        op: str = "MatMul",
        raw: bool = True,
        doc: str = "",
        opset: int = 17,
        name: str = "w",
    ) -> bytes:
        tensor = (
            numpy_helper.from_array(values, name)
            if raw
            else helper.make_tensor(
                name,
                helper.np_dtype_to_tensor_dtype(values.dtype),
                values.shape,
                values.reshape(-1).tolist(),
            )
        )
        ids = numpy_helper.from_array(np.array([1, 2]), "ids")
        node = helper.make_node(op, ["x", name], ["y"], name="node")
        ends = [helper.make_tensor_value_info(one, TensorProto.FLOAT, [1, 2]) for one in "xy"]
        graph = helper.make_graph([node], "g", ends[:1], ends[1:], [tensor, ids])
        return helper.make_model(
            graph, doc_string=doc, opset_imports=[helper.make_opsetid("", opset)]
        ).SerializeToString()

    base = saved()
    for label, other in other_arrays(weights, rng):
        yield label, "different", base, saved(other)
    yield "operation", "different", base, saved(op="Gemm")
    yield "text", "different", base, saved(doc="x")
    yield "opset", "different", base, saved(opset=18)
    yield "name", "different", base, saved(name="v")
    yield "<encoding> list of numbers", "equal", base, saved(raw=False)


def _gguf(rng: random.Random) -> Iterator[Pair]:
    import tempfile

    from gguf import GGUFWriter

    weights = array(rng, "f4", (4, 32))

    def saved(values: Any = weights, name: str = "w", **said: Any) -> bytes:
        with tempfile.TemporaryDirectory() as home:
            path = Path(home) / "a.gguf"
            writer = GGUFWriter(path, "llama")
            writer.add_uint32("count", said.get("count", 3))
            writer.add_array("words", said.get("words", ["a", "b"]))
            if "alignment" in said:
                writer.add_custom_alignment(said["alignment"])
            tensors = [(name, values), ("bias", np.arange(5, dtype=np.float16))]
            for key, tensor in tensors[:: said.get("order", 1)]:
                writer.add_tensor(key, tensor)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            return path.read_bytes()

    base = saved()
    for label, other in other_arrays(weights, rng):
        yield label, "different", base, saved(other)
    yield "name", "different", base, saved(name="v")
    yield "value", "different", base, saved(count=4)
    yield "list", "different", base, saved(words=["a", "c"])
    yield "<order> of tensors, <padding> between them", "equal", base, saved(order=-1)
    yield from trailing(base, rng)


def _picture(rng: random.Random, kind: str) -> Iterator[Pair]:
    from PIL import Image

    pixels = np.array([rng.randrange(256) for _ in range(16 * 16 * 3)], dtype=np.uint8).reshape(
        16, 16, 3
    )
    other = pixels.copy()
    other[:8, :8] ^= 255

    def saved(values: Any, **how: Any) -> bytes:
        file = io.BytesIO()
        Image.fromarray(values).save(file, kind, **how)
        return file.getvalue()

    exif = Image.Exif()
    exif[0x010E] = "a"
    how = {"lossless": True} if kind == "webp" else {"quality": 90}
    base = saved(pixels, **how)
    yield "pixels", "different", base, saved(other, **how)
    yield "size", "different", base, saved(pixels[:8], **how)
    yield "exif", "different", base, saved(pixels, exif=exif, **how)
    if kind == "jpeg":
        yield "quality", "different", base, saved(pixels, quality=30)
        yield "<coding> optimised", "equal", base, saved(pixels, optimize=True, **how)
        yield "<coding> progressive", "equal", base, saved(pixels, progressive=True, **how)
    else:
        yield "<coding> method", "equal", base, saved(pixels, method=0, **how)
    yield from trailing(base, rng)


def _wandb(rng: random.Random) -> Iterator[Pair]:
    """Logs of W&B's own client, offline. They are read when its service has ended, which writes
    them.
    """
    import os
    import tempfile

    import wandb

    os.environ["WANDB_SILENT"] = "true"
    with tempfile.TemporaryDirectory() as home:

        def run(number: int, **said: Any) -> None:
            settings = wandb.Settings(
                console="off", x_disable_stats=True, x_disable_machine_info=True
            )
            place = Path(home) / str(number)
            place.mkdir()
            config = {"lr": said.get("lr", 0.1), "net": {"layers": [1, 2]}}
            known = {key: value for key, value in said.items() if key in ("group", "tags", "notes")}
            run = wandb.init(
                mode="offline",
                project="p",
                dir=place,
                config=config,
                settings=settings,
                reinit="create_new",
                **known,
            )
            for step in range(said.get("steps", 3)):
                loss = said.get("loss", 0.5) / (step + 1)
                run.log({"loss": loss, said.get("key", "train/acc"): step, "none": float("nan")})
            run.summary["best"] = said.get("best", 0.1)
            if "file" in said:
                (place / "notes.txt").write_text("a file")
                run.save(str(place / "notes.txt"), base_path=place)
            run.finish()

        changes: list[dict[str, Any]] = [
            *({}, {}, {"file": 1}),
            *({"loss": 0.25}, {"lr": 0.2}, {"group": "g"}, {"tags": ["a"]}, {"notes": "x"}),
            *({"steps": 2}, {"best": 0.2}, {"key": "train.acc"}),
        ]
        for number, change in enumerate(changes):
            run(number, **change)
        wandb.teardown()
        logs = [
            next((Path(home) / str(number)).glob("wandb/offline-run*/*.wandb")).read_bytes()
            for number in range(len(changes))
        ]
    base, again, file, *others = logs
    yield "<clock> again", "equal", base, again
    yield "<files>", "equal", base, file
    yield "<blocks>", "equal", base, _in_pieces(base)
    for change, other in zip(changes[3:], others, strict=True):
        yield str(change), "different", base, other
    yield "cut", "unequal", base, base[:-5]
    yield from trailing(base, rng)


def _in_pieces(log: bytes) -> bytes:
    """A log with each record in two pieces, as one at the end of a block is written."""
    out, place = log[:7], 7
    while place < len(log):
        size = int.from_bytes(log[place + 4 : place + 6], "little")
        assert log[place + 6] == 1, "a small log is one of whole records"
        data = log[place + 7 : place + 7 + size]
        for kind, piece in ((2, data[:1]), (4, data[1:])):
            crc = zlib.crc32(bytes([kind]) + piece)
            out += crc.to_bytes(4, "little") + len(piece).to_bytes(2, "little")
            out += bytes([kind]) + piece
        place += 7 + size
    return out


GENERATORS: dict[str, tuple[str, Generator]] = {
    "json": ("a.json", _json),
    "jsonl": ("a.jsonl", _jsonl),
    "csv": ("a.csv", _csv),
    "tsv": ("a.tsv", _tsv),
    "text": ("a.txt", _text),
    "npy": ("a.npy", _npy),
    "npz": ("a.npz", _npz),
    "safetensors": ("a.safetensors", _safetensors),
    "pickle": ("a.pkl", _pickle),
    "joblib": ("a.joblib", _joblib),
    "torch": ("a.pt", _torch),
    "torch-legacy": ("a.pt", _legacy),
    "png": ("a.png", _png),
    "tensorboard": ("events.out.tfevents.1", _tensorboard),
    "zip": ("a.zip", _zip),
    "tar": ("a.tar", _tar),
    "gzip": ("a.json.gz", _gzip),
    "bzip2": ("a.json.bz2", _streams(lambda data, level: bz2.compress(data, level), (1, 9))),
    "xz": ("a.json.xz", _streams(lambda data, level: lzma.compress(data, preset=level), (0, 6))),
    "lzma": (
        "a.json.lzma",
        _streams(lambda data, level: lzma.compress(data, lzma.FORMAT_ALONE, preset=level), (0, 6)),
    ),
    "zlib": ("a.json.z", _streams(zlib.compress, (1, 6, 9))),
    "hdf5": ("a.h5", _hdf5),
    "parquet": ("a.parquet", _parquet),
    "arrow": ("a.feather", _arrow),
    "yaml": ("a.yaml", _yaml),
    "ipynb": ("a.ipynb", _ipynb),
    "sqlite": ("a.db", _sqlite),
    "onnx": ("a.onnx", _onnx),
    "gguf": ("a.gguf", _gguf),
    "jpeg": ("a.jpg", lambda rng: _picture(rng, "jpeg")),
    "wandb": ("run-a.wandb", _wandb),
    "webp": ("a.webp", lambda rng: _picture(rng, "webp")),
}


def main() -> None:
    home, kind, seed, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    name, generator = GENERATORS[kind]
    home.mkdir(parents=True, exist_ok=True)
    done = 0
    while done < count:
        for label, expect, left, right in generator(random.Random(f"{kind} {seed} {done}")):
            paths = [home / f"{done}.left", home / f"{done}.right"]
            for path, data in zip(paths, (left, right), strict=True):
                path.write_bytes(data)
            sys.stdout.write(
                json.dumps(
                    {
                        "what": label,
                        "expect": expect,
                        "name": name,
                        "paths": [str(path) for path in paths],
                    }
                )
                + "\n"
            )
            done += 1


if __name__ == "__main__":
    main()
