"""Every document that may come from somebody else: whatever it holds, it is read or refused with a
ReproboxError, and shown.

`REPROBOX_TORTURE=1` tries fifty times as many.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from harness_runs import a_record, an_intent, an_output
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reprobox.config import load
from reprobox.errors import ReproboxError
from reprobox.executor import local, shim_report
from reprobox.judge import causes, trail
from reprobox.kit import canon
from reprobox.lock import lock_file
from reprobox.model import codec
from reprobox.model.outcome import ContainerState
from reprobox.model.record import Intent, Record
from reprobox.model.runspec import InputPin
from reprobox.model.verdict import Class, FileState, FileVerdict, Verdict
from reprobox.runtime import profiles, runtime_pack
from reprobox.store import heads, output_manifest, verdict_files
from reprobox.views import run as look

EXAMPLES = 100 * (50 if os.environ.get("REPROBOX_TORTURE") else 1)
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)

MET = {
    "format": "reprobox.met/1",
    "cpu": {"vendor": "GenuineIntel", "model_name": "x", "flags": ["avx2", "fma"], "allowed": 2},
    "kernel": {"machine": "x86_64", "release": "6"},
    "cgroup": {"cpus": 1.5},
    "files": {"system": "ext4", "device": 7, "open": ["1024", "4096"]},
    "security": {"aslr": 2, "personality": "00040000"},
    "libc": "glibc 2.41",
    "packages": {"python": {"numpy": "2.0"}, "debian": {}},
    "gpus": [{"name": "H", "uuid": "u"}],
    "processes": [
        {
            "errors": [],
            "entropy": [{"what": "urandom", "place": "a:1"}],
            "seeds": [{"what": "random.seed", "place": "a:2", "value": "3"}],
            "torch": {"version": "2", "threads_at_exit": 1, "sm_counts": [132]},
            "pid": 7,
            "ppid": 1,
            "argv": ["python", "train.py"],
            "children": [{"pid": 8, "argv": ["ls"], "static": "a:3"}],
            "threads": [{"place": "a:4", "at_once": 2}],
            "errors_": 1,
        }
    ],
}
EXIT = {
    "format": "reprobox.exit/1",
    "code": 3,
    "reason": "exited",
    "signal": None,
    "message": "m",
    "started": 1.0,
    "finished": 2.0,
    "duration": 1.0,
    "peak_memory": 5,
    "oom_kills": 0,
    "forwarded": [15],
}
TRAIL = b"".join(
    canon.canonical(line) + b"\n"
    for line in (
        {"format": "reprobox.trail/1", "every": 1, "process": "1"},
        {"o": "0", "names": ["w", "b"]},
        *(
            {"o": "0", "s": step, "p": ["00", "01"], "g": ["02", "03"], "rng": "r"}
            for step in (1, 2)
        ),
        {"o": "0", "every": 2},
    )
)
OPTRACE = (
    b"\n".join(
        canon.canonical(line)
        for line in (
            {"format": "reprobox.optrace/1", "from": 1, "to": 2},
            {"n": 0, "s": 1, "op": "add", "in": ["a"], "out": ["b"], "at": "x:1"},
            {"n": 1, "s": 1, "op": "mul", "in": ["a"], "out": ["c"], "at": "x:2", "rng": "r"},
        )
    )
    + b"\n"
)


def a_verdict() -> Verdict:
    file = FileVerdict(path="x", state=FileState.DIFFERENT, ours="a", theirs="b")
    digest = canon.digest_bytes(b"")
    return Verdict(
        left="a",
        right="b",
        left_record=digest,
        right_record=digest,
        result=Class.DIFFERENT,
        files=(file,),
        exit_equal=True,
        checked=1.0,
    )


INTENT = replace(an_intent(), runspec=replace(an_intent().runspec, inputs=(
    InputPin(path="/work/x", source="/x", kind="file", digest=canon.digest_bytes(b""), size=1),
)))  # fmt: skip
RECORD = a_record(INTENT, (an_output("x"),), met=MET)
PROJECT = Path(__file__).parents[1] / "support/flow_project.py"
CONFIG = PROJECT.read_text().split('CONFIG = """\\\n')[1].split('"""')[0].encode()


@dataclass(frozen=True)
class Reader:
    """A parser, a document that it accepts, and what is done with what it gives."""

    example: bytes
    read: Callable[[bytes, Path], Any]


def written(path: Path, data: bytes) -> Path:
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


def show_record(data: bytes, place: Path) -> Any:
    record = codec.decode(Record, data, where="a record")
    profiles.dispatch_class(record.observed)
    facts = causes.Run(runspec=codec.to_json(record.intent.runspec), observed=record.observed)
    other = causes.Run(runspec=codec.to_json(RECORD.intent.runspec), observed=RECORD.observed)
    for pair in ((facts, other), (other, facts)):
        causes.causes(*pair, files=(), trail=None, dispatch=profiles.dispatch_class)
    return list(look._facts(record, record.intent.name, record.intent.tags)), codec.encode(record)


def exit_json(data: bytes, place: Path) -> Any:
    report = shim_report.report(written(place / "exit.json", data).parent)
    state = ContainerState(id="i", name="n", status="exited", exit_code=3)
    return [
        codec.encode(local.exit_of(report, seen, why))
        for seen in (None, state)
        for why in (None, "user", "timeout")
    ]


def met_json(data: bytes, place: Path) -> Any:
    (place / "markers").mkdir(exist_ok=True)
    for name in ("met.json", "markers/1.json"):
        written(place / name, data)
    met = shim_report.inside(place, markers=place)
    return show_record(codec.encode(a_record(INTENT, met=met)), place)


def runtime(data: bytes, place: Path) -> Any:
    return runtime_pack._read_manifest(data)


READERS: dict[str, Reader] = {
    "config": Reader(
        CONFIG, lambda data, _: load.load(data, config_path="config.yaml", overrides=())
    ),
    "override": Reader(
        b"scale=5",
        lambda data, _: load.load(
            CONFIG, config_path="c", overrides=[data.decode("utf-8", "replace")]
        ),
    ),
    "lock": Reader(
        lock_file.render(INTENT.lock), lambda data, _: lock_file.parse(data, where="a lock")
    ),
    "intent": Reader(
        codec.encode(INTENT), lambda data, _: codec.decode(Intent, data, where="an intent")
    ),
    "record": Reader(codec.encode(RECORD), show_record),
    "verdict": Reader(
        codec.encode(a_verdict()),
        lambda data, place: verdict_files.read(written(place / "1.json", data)),
    ),
    "outputs": Reader(
        output_manifest.outputs_manifest((an_output("a"), an_output("b/c"))),
        lambda data, _: output_manifest.read_manifest(data),
    ),
    "exit.json": Reader(canon.canonical(EXIT), exit_json),
    "met.json": Reader(canon.canonical(MET), met_json),
    "runtime": Reader(runtime_pack.manifest({"a": b"", "b/c": b"x"}), runtime),
    "heads": Reader(
        b"", lambda data, place: list(heads.read(written(place / "heads.log", data).parent))
    ),
    "optrace": Reader(
        OPTRACE,
        lambda data, place: trail.compare_operations(
            written(place / "a", data), written(place / "b", OPTRACE)
        ).sentence(),
    ),
    "trail": Reader(
        TRAIL,
        lambda data, place: trail.compare(
            trail.read(written(place / "t1", data)), trail.read(written(place / "t2", TRAIL))
        ),
    ),
}


def feed(name: str, data: bytes, place: Path) -> None:
    """Reads; only a ReproboxError may come out."""
    with contextlib.suppress(ReproboxError):
        READERS[name].read(data, place)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(
        ["", "..", "/", "a\0b", "\udcff", "sha256:" + "0" * 64, "reprobox.record/99", "9" * 5000]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
)


@st.composite
def changed(draw: st.DrawFn, example: bytes) -> bytes:
    """The example with one node of its JSON exchanged, removed or doubled."""
    lines = example.split(b"\n")
    place = draw(st.integers(0, len(lines) - 1))
    try:
        value = json.loads(lines[place])
    except ValueError:
        return draw(spoiled(example))
    for _ in range(draw(st.integers(1, 3))):
        value = _exchanged(draw, copy.deepcopy(value))
    lines[place] = json.dumps(value).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


def _exchanged(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value, key=str)))
        value[key] = _exchanged(draw, value[key])
        return value
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        index = draw(st.integers(0, len(value) - 1))
        value[index] = _exchanged(draw, value[index])
        return value
    return draw(VALUES)


@st.composite
def spoiled(draw: st.DrawFn, example: bytes) -> bytes:
    """The example with bytes exchanged, cut out or put in."""
    data = bytearray(example)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 8)))
        data[start:end] = draw(
            st.binary(max_size=8)
            | st.sampled_from([b"\0", b"{", b"[" * 2000, b"&a *a", b"\xff", b"1e999", b"\n"])
        )
    return bytes(data)


@pytest.mark.parametrize("name", READERS)
def test_the_example_is_read(name: str, tmp_path: Path) -> None:
    if name not in ("heads", "override"):
        READERS[name].read(READERS[name].example, tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_documents_with_something_exchanged(name: str, tmp_path: Path) -> None:
    @FUZZ
    @given(
        data=changed(READERS[name].example)
        | spoiled(READERS[name].example)
        | st.binary(max_size=200)
    )
    def run(data: bytes) -> None:
        feed(name, data, tmp_path)

    run()


BOMBS = {
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "a long number": b"1" * 100_000,
    "infinity": b'{"format": "reprobox.record/1", "started": 1e999}',
    "not a number": b'{"format": "reprobox.record/1", "started": NaN}',
    "twice": b'{"format": "reprobox.record/1", "format": "reprobox.record/1"}',
    "a lone surrogate": b'{"format": "\\ud800"}',
    "YAML aliases": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c]\n" % (c + 1, c + 1, *[c] * 6) for c in range(97, 115)
    ),
    "a YAML object": b"a: !!python/object/apply:os.system [true]\n",
    "UTF-16": "{}".encode("utf-16"),
    "nothing": b"",
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs(name: str, bomb: str, tmp_path: Path) -> None:
    feed(name, BOMBS[bomb], tmp_path)


def test_files_that_are_too_large_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "markers").mkdir()
    for name in ("exit.json", "met.json", "markers/1.json"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 34)
    assert shim_report.report(tmp_path) is None
    assert shim_report.inside(tmp_path, markers=tmp_path) == {
        "processes": [],
        "refused": ["met.json", "markers/1.json"],
    }
