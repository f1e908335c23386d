"""Pairs of files as ordinary programs leave them in two runs: the cause names what made them
differ, and the line of config that it prints settles it.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import re
import struct
import tarfile
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from attest_world import a_record, a_verdict
from looking import look

from reprobox.judge import rules, value_causes
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import Cause, FileState, FileVerdict
from reprobox.views import verdict as view


def _zip(turn: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(zipfile.ZipInfo("metrics.json", (2026, 11, 28, 4, 20, 2 * turn)), b'{"a": 1}')
    return out.getvalue()


def _tar_gz(turn: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        info = tarfile.TarInfo("x.txt")
        info.size, info.mtime = 4, 1795839621 + turn
        file.addfile(info, io.BytesIO(b"same"))
    return gzip.compress(out.getvalue(), mtime=1795839621 + turn)


def _json(*turns: dict[str, object]) -> tuple[bytes, bytes]:
    return json.dumps(turns[0]).encode(), json.dumps(turns[1]).encode()


def _lines(*turns: str) -> tuple[bytes, bytes]:
    return turns[0].encode(), turns[1].encode()


LONG = "<p>" + "x" * 300
STRANGERS: dict[str, tuple[str, tuple[bytes, bytes], str, str]] = {
    "clock in a header": (
        "out.csv",
        _lines("# 28/11/2026 04:20:21\nstep,loss\n1,0.5\n", "# 28/11/2026 04:20:25\nstep,loss\n1,0.5\n"),
        "a time in out.csv at comment 1",
        "04:20:21 -> 04:20:25",
    ),
    "column of clocks": (
        "h.csv",
        _lines("loss,timestamp\n0.5,1795839621.5\n1,1795839622.5\n",
               "loss,timestamp\n0.5,1795839641.5\n1,1795839642.5\n"),
        "a time in h.csv at timestamp[0] and 1 more",
        "1795839621.5 -> 1795839641.5",
    ),
    "column of seconds": (
        "h.csv",
        _lines("loss,secs\n0.5,0.25\n1,0.5\n", "loss,secs\n0.5,0.75\n1,1.5\n"),
        "a duration in h.csv at secs[0] and 1 more",
        "0.25 -> 0.75",
    ),
    "a key that is a time": (
        "m.json",
        _json({"2026-11-28T04:20:21": 0.5}, {"2026-11-28T04:20:25": 0.5}),
        'a time in m.json at the name $.2026-11-28T04:20:21',
        "2026-11-28T04:20:21 -> 2026-11-28T04:20:25",
    ),
    "seconds by name": (
        "r.json",
        _json({"acc": 0.5, "time": 0.25}, {"acc": 0.5, "time": 0.75}),
        "a duration in r.json at $.time",
        "0.25 -> 0.75",
    ),
    "an address as a number": (
        "r.json",
        _json({"acc": 0.5, "of": [140082919284304]}, {"acc": 0.5, "of": [140078500585040]}),
        "a memory address in r.json at $.of[0]",
        "140082919284304 -> 140078500585040",
    ),
    "a session": (
        "r.json",
        _json({"session": "NLFUC_-jAVohYo1R4CzE0w"}, {"session": "0wBJKnmGCOKP5k1KxqtHvw"}),
        "a random identifier in r.json at $.session",
        "NLFUC_-jAVohYo1R4CzE0w -> 0wBJKnmGCOKP5k1KxqtHvw",
    ),
    "rates in a log": (
        "train.log",
        _lines("epoch 1 loss 0.5 (147.8 it/s)\n", "epoch 1 loss 0.5 (147.5 it/s)\n"),
        "a duration in train.log at line 1",
        "147.8 it/s -> 147.5 it/s",
    ),
    "a progress bar": (
        "train.log",
        _lines("100%|##| 3/3 [00:02<00:00, 1.32it/s]\n", "100%|##| 3/3 [00:03<00:00, 1.12it/s]\n"),
        "a duration in train.log at line 1",
        "00:02<00:00 -> 00:03<00:00",
    ),
    "elapsed in a log": (
        "train.log",
        _lines("loss 0.5 | elapsed: 0:00:01.010185\n", "loss 0.5 | elapsed: 0:00:02.013433\n"),
        "a duration in train.log at line 1",
        "0:00:01.010185 -> 0:00:02.013433",
    ),
    "attributes of XML": (
        "j.xml",
        _lines('<t time="0.068" timestamp="2026-11-28T04:20:21"/>',
               '<t time="0.032" timestamp="2026-11-28T04:20:26"/>'),
        "a time and a duration in j.xml at line 1",
        "0.068 -> 0.032",
    ),
    "ids of an SVG": (
        "fig.svg",
        _lines('<path id="m882197b305"/><use href="#m882197b305"/>',
               '<path id="m9f422a364c"/><use href="#m9f422a364c"/>'),
        "a random identifier in fig.svg at line 1",
        "m882197b305 -> m9f422a364c",
    ),
    "far into a long line": (
        "report.html",
        _lines(f"{LONG} 04:20:21</p>", f"{LONG} 04:20:25</p>"),
        "a time in report.html at line 1",
        "04:20:21 -> 04:20:25",
    ),
    "several lines in one value": (
        "nb.json",
        _json({"text": "loss 0.5\nWall time: 2.16 ms\n"}, {"text": "loss 0.5\nWall time: 2.17 ms\n"}),
        "a duration in nb.json at $.text",
        "2.16 ms -> 2.17 ms",
    ),
    "an address in a pickle": (
        "m.pkl",
        tuple(pickle.dumps({"w": [1.0], "note": f"<M object at 0x7fb60e1{n}9f90>"}) for n in (1, 2)),
        "a memory address in m.pkl at note",
        "0x7fb60e119f90 -> 0x7fb60e129f90",
    ),
    "a double of the clock in a binary": (
        "model.bin",
        tuple(b"MDL1" + struct.pack("<d", 1795839621.5 + n) + bytes(range(99)) for n in (0, 4)),
        "a time in model.bin at offset 4, a double",
        "2026-11-28T04:20:21.500000+00:00 -> 2026-11-28T04:20:25.500000+00:00",
    ),
    "milliseconds in a binary": (
        "model.bin",
        tuple(b"M\0" + struct.pack("<d", 1795839621500.0 + n) + bytes(99) for n in (0, 4000)),
        "a time in model.bin at offset 2, a double",
        "2026-11-28T04:20:21.500000+00:00 -> 2026-11-28T04:20:25.500000+00:00",
    ),
    "a datetime in a pickle": (
        "m.pkl",
        tuple(pickle.dumps({"w": [1.0], "at": datetime(2026, 11, 28, 4, 20, s, 5, UTC)}) for s in (21, 25)),
        "a time in m.pkl at at/<args>(0)",
        "2026-11-28T04:20:21.000005 -> 2026-11-28T04:20:25.000005",
    ),
    "memory in a report": (
        "m.json",
        _json({"max_rss": 10312, "a": 1}, {"max_rss": 10240, "a": 1}),
        "memory use in m.json at $.max_rss",
        "10312 -> 10240",
    ),
    "a process in a log": (
        "a.log",
        _lines("INFO pid 123 loss 0.5\n", "INFO pid 177 loss 0.5\n"),
        "a process in a.log at line 1",
        "123 -> 177",
    ),
    "a large number that was drawn": (
        "m.pkl",
        tuple(pickle.dumps({"id": uuid.UUID(int=(1 << 120) + n), "w": 1}) for n in (1, 2)),
        "a random identifier in m.pkl at id/<state>/int",
        f"{(1 << 120) + 1} -> {(1 << 120) + 2}",
    ),
    "dates in a zip": (
        "a.zip", (_zip(0), _zip(1)), "only the packing of a.zip (times of members)", "",
    ),
    "dates in a packed tar": (
        "a.tar.gz",
        (_tar_gz(0), _tar_gz(1)),
        "only the packing of a.tar.gz (time, system and level in the header)",
        "",
    ),
}  # fmt: skip


def caused(left: Path, right: Path, name: str) -> tuple[FileVerdict, list[Cause]]:
    file = look(left, right, OutputRule(pattern="*"), path=name)
    assert file.state is FileState.DIFFERENT
    return file, list(value_causes.causes([file], ordinary=False))


@pytest.fixture
def pair(tmp_path: Path) -> Callable[[tuple[bytes, bytes]], tuple[Path, Path]]:
    def made(sides: tuple[bytes, bytes]) -> tuple[Path, Path]:
        for name, data in zip("lr", sides, strict=True):
            (tmp_path / name).write_bytes(data)
        return tmp_path / "l", tmp_path / "r"

    return made


@pytest.mark.parametrize("which", STRANGERS)
def test_the_cause_is_named_and_its_line_settles_it(
    pair: Callable[[tuple[bytes, bytes]], tuple[Path, Path]], which: str
) -> None:
    name, sides, what, values = STRANGERS[which]
    left, right = pair(sides)
    _, [cause] = caused(left, right, name)
    assert cause.what.startswith(what)
    assert " -> ".join(filter(None, (cause.ours, cause.theirs))) == values
    printed = re.search(r"`(outputs: .*)`", cause.advice)
    assert printed, cause.advice
    [(pattern, compare)] = yaml.safe_load(printed[1])["outputs"].items()
    word = compare if isinstance(compare, str) else compare["compare"]
    declared = [OutputRule(pattern=pattern, compare=word)]
    rule, inside = rules.rule_for(name, declared), rules.treatments(name, declared)
    if rule.compare != "ignore":
        found = look(left, right, rule, path=name, treatments=inside)
        assert found.state is FileState.EQUAL_UNDER_RULE, found.detail


NOT_BY_CHANCE = {
    "one cell of a column of clocks": (
        "h.csv",
        _lines("timestamp\n1795839621.5\n1\n", "timestamp\n1795839641.5\n2\n"),
    ),
    "a speed that was computed": ("r.json", _json({"speed": 0.5}, {"speed": 0.75})),
    "a value under a key that is a time": (
        "m.json",
        _json({"2026-11-28T04:20:21": 0.5}, {"2026-11-28T04:20:25": 0.75}),
    ),
    "a step beside a rate": (
        "train.log",
        _lines("step 3, 147.8 it/s\n", "step 4, 147.5 it/s\n"),
    ),
    "epochs that it took": ("t.log", _lines("duration: 12 epochs", "duration: 13 epochs")),
}


@pytest.mark.parametrize("which", NOT_BY_CHANCE)
def test_no_rule_for_times_leaves_aside_what_was_computed(
    pair: Callable[[tuple[bytes, bytes]], tuple[Path, Path]], which: str
) -> None:
    name, sides = NOT_BY_CHANCE[which]
    rule = OutputRule(pattern="*", compare="except-times")
    assert look(*pair(sides), rule, path=name).state is FileState.DIFFERENT


@pytest.mark.parametrize(
    ("left", "right", "ordered"),
    [
        ("name,value\na,1\nb,2\nc,3\n", "name,value\nb,2\na,1\nc,3\n", True),
        ("x,y\n1,1.5\n2,2.5\n", "x,y\n2,2.5\n1,1.5\n", True),
        ("x,y\n1,1.5\n2,2.5\n", "x,y\n2,2.5\n1,1.25\n", False),
    ],
)
def test_rows_in_another_order_are_named(
    pair: Callable[[tuple[bytes, bytes]], tuple[Path, Path]], left: str, right: str, ordered: bool
) -> None:
    _, causes = caused(*pair(_lines(left, right)), "rows.csv")
    assert [cause.what.startswith("the order of items in rows.csv") for cause in causes] == [
        True
    ] * ordered


def test_a_long_text_is_shown_where_it_differs(
    pair: Callable[[tuple[bytes, bytes]], tuple[Path, Path]],
) -> None:
    file, causes = caused(*pair(_lines(f"{LONG} one</p>", f"{LONG} two</p>")), "report.html")
    assert causes == []
    assert file.detail.first
    assert (str(file.detail.first.left)[-7:], str(file.detail.first.right)[-7:]) == (
        "one</p>",
        "two</p>",
    )


def test_a_cause_stays_on_its_line() -> None:
    cause = Cause(what="x", ours="a\nb", theirs="c\x1b[2J", advice="y")
    found = replace(a_verdict(a_record(), a_record()), causes=(cause,))
    assert r"possible cause: x: a\nb -> c\x1b[2J. y" in list(view.story(found))
