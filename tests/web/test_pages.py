"""What each page shows of records that are known, asked of the real server without a browser."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from web_demo import SWEEP, digest, laboratory, outputs, trail
from web_world import Served, World, npy, served

from reprobox.judge import trail as judge_trail
from reprobox.judge import trail_steps
from reprobox.judge.reader import Reader
from reprobox.model.verdict import Class
from reprobox.web import charts, log_events, scales, verdicts_page
from reprobox.web.links import ServerLinks
from reprobox.web.log_text import Lines, Log


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return laboratory(tmp_path_factory.mktemp("laboratory") / "digits")


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[Served]:
    with served(world.context) as made:
        yield made


def named(world: World, name: str) -> str:
    """The first run of a name that is no replay."""
    return next(row.id for row in world.runs.list(name=name) if row.replay_of is None)


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_the_matrix_is_by_machine_gpu_and_replay(world: World, site: Served) -> None:
    base, candidate = named(world, "baseline"), named(world, "candidate")
    matrix = verdicts_page.gather(world.context, "machine")
    cells = {row.id: found for row, found in matrix.rows}
    lab, other = "lab-1, AMD EPYC 7543", "lab-2, Intel Xeon 6430"
    laptop = "laptop, AMD Ryzen 7840U"
    assert matrix.columns == [lab, other, laptop]
    found = {name: (cell.result, cell.count, cell.here) for name, cell in cells[base].items()}
    assert found == {
        lab: (Class.IDENTICAL, 2, True),
        other: (Class.DIFFERENT, 1, False),
        laptop: (Class.EQUAL_UNDER_RULE, 1, False),
    }
    assert cells[candidate][other].result is Class.NOT_CHECKED
    assert (matrix.total, matrix.never) == (3, 14)
    gpus = verdicts_page.gather(world.context, "gpu")
    assert gpus.columns == ["NVIDIA A100", "NVIDIA H100", "no GPU"]
    replays = verdicts_page.gather(world.context, "replay")
    assert replays.columns == ["1", "2", "3", "4"]
    shown = text_of(site.text("/verdicts", by="gpu"))
    assert "≠ different" in shown
    assert "? not checked" in shown


def test_a_replay_without_a_verdict_is_never_the_same(tmp_path: Path) -> None:
    world = World.at(tmp_path / "p")
    first = world.run(0)
    world.run(1, replay_of=first)
    matrix = verdicts_page.gather(world.context, "machine")
    cell = next(iter(matrix.rows[0][1].values()))
    assert (cell.result, len(cell.replays)) == (None, 1)
    with served(world.context) as site:
        assert "? no verdict" in text_of(site.text("/verdicts"))


def test_the_first_step_and_tensor_that_differ_are_marked(world: World, site: Served) -> None:
    pair = [named(world, "baseline"), named(world, "candidate")]
    page = site.text("/divergence", run=pair)
    assert "first divergence: step 9, parameters conv2.weight (1 of 6 tensors differs)" in page
    first = re.findall(r'class="field differs strength4 first"><title>([^<]*)', page)
    assert first == ["step 9, conv2.weight: differs"]
    assert page.count('class="field same') == 1 + 24 * 7 - (16 + 15 + 14 + 14 + 13 + 12)
    assert "Distance of loss" in page
    same = site.text("/divergence", run=[pair[0], pair[0]])
    assert "the trails agree at all 24 steps they name" in same
    assert 'class="field differs strength' not in same
    status, _, body = site.ask(f"/divergence?run={pair[0]}")
    assert (status, b"needs two runs" in body) == (400, True)


def test_without_a_trail_nothing_is_said_to_agree(world: World, site: Served) -> None:
    pair = [row.id for row in world.runs.list(name="learning-rate") if not row.replay_of][:2]
    page = text_of(site.text("/divergence", run=pair))
    assert "left no trail" in page
    assert "agree" not in page


def test_a_damaged_trail_is_named(tmp_path: Path) -> None:
    world = World.at(tmp_path / "p")
    pair = [world.run(number, trail=trail()) for number in (0, 1)]
    (world.runs.path(pair[1]) / "trail.jsonl").write_text('{"format": "x"}\n{"p": 1}\n')
    with served(world.context) as site:
        page = text_of(site.text("/divergence", run=pair))
        assert "the trails were not compared: trail.jsonl is not a reprobox.trail/1" in page


def test_trails_as_steps_and_tensors(tmp_path: Path) -> None:
    sides = []
    for name, diverges in (("a", None), ("b", 20)):
        path = tmp_path / name
        path.write_text("".join(json.dumps(line) + "\n" for line in trail(diverges, 25)))
        sides.append(judge_trail.read(path))
    found = trail_steps.compare(*sides)
    firsts = {row.name: row.first for row in found.rows}
    assert firsts == {
        "torch": None, "conv1.weight": 22, "conv1.bias": 23, "conv2.weight": 19,
        "conv2.bias": 20, "fc.weight": 21, "fc.bias": 21,
    }  # fmt: skip
    assert found.shares[18] == (19, 0.0)
    assert found.shares[19] == (20, 1 / 6)
    assert found.shares[-1] == (25, 1.0)


def test_two_runs_are_compared_in_all_that_decides(world: World, site: Served) -> None:
    pair = [named(world, "baseline"), named(world, "candidate")]
    page = site.text("/compare", run=pair)
    shown = text_of(page)
    assert "train.lr 0.01 0.03" in shown
    assert "-shuffle = True" in shown
    assert "≠ different" in shown
    assert "results/curve.png different bytes" in shown
    assert page.count('class="line c0"') >= 2
    assert page.count('class="line c1"') >= 2
    again = next(row.id for row in world.runs.list(replay_of=pair[0]) if row.id)
    assert "the same bytes" in site.text("/compare", run=[pair[0], again])
    for runs in (pair[:1], pair * 5):
        assert site.ask(f"/compare?{'&'.join('run=' + run for run in runs)}")[0] == 400


def test_a_commit_that_is_gone_is_said(tmp_path: Path) -> None:
    world = World.at(tmp_path / "p")
    pair = [world.run(0), world.run(1, commit="c" * 40)]
    with served(world.context) as site:
        assert "the code could not be compared" in site.text("/compare", run=pair)


def test_a_sweep_names_its_best_with_its_spread(world: World, site: Served) -> None:
    page = site.text(f"/sweep/{SWEEP}")
    shown = text_of(page)
    assert "15 of 15 ended" in shown
    assert "The best, by the largest accuracy" in shown
    assert page.count('class="row ') == 15
    assert page.count('class="row best"') == 1
    assert "accuracy over train.lr" in page
    least = text_of(site.text(f"/sweep/{SWEEP}", metric="loss"))
    assert "The best, by the smallest loss" in least
    assert SWEEP in site.text("/sweeps")
    assert site.ask("/sweep/none")[0] == 404


def test_history_tells_what_a_run_came_from(world: World, site: Served) -> None:
    base = named(world, "baseline")
    page = text_of(site.text("/history", run=base))
    assert page.count("replay: identical") == 2
    replay = next(row.id for row in world.runs.list(replay_of=base))
    assert text_of(site.text("/history", run=replay)) == page
    trial = next(row.id for row in world.runs.list(name="learning-rate") if not row.replay_of)
    assert "sweep learning-rate" in text_of(site.text("/history", run=trial))


def test_a_run_of_another_store_and_a_reader(tmp_path: Path) -> None:
    world = World.at(tmp_path / "p")
    far = world.run(0)
    (world.runs.path(far) / "started.json").unlink()
    with served(world.context) as site:
        page = text_of(site.text("/history", run=far))
        assert "taken from another store" in page
        assert "lab-1" in page


def test_outputs_are_looked_into(world: World, site: Served) -> None:
    base = named(world, "baseline")
    data = outputs(0.01, 0, 60)

    def page(name: str) -> str:
        return site.text(f"/run/{base}/output/{digest(data[name])}")

    weights = page("results/weights.npy")
    assert weights.count('class="bar"') == 32
    assert "float64 2000" in text_of(weights)
    table = text_of(page("results/predictions.csv"))
    assert "id label probability 0 0 0.90 1 1 0.91" in table
    assert "Only the beginning is shown." in table
    assert "$.accuracy" in page("results/metrics.json")
    assert "<img" in page("results/curve.png")


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.json", b'[{"x": 1, "y": "<b>"}, {"x": 2}]', {"columns": ["x", "y"], "rows": [["1", "<b>"], ["2", ""]], "cut": False}),
        ("a.jsonl", b'{"x": null}\n{"x": true}\n', {"columns": ["x"], "rows": [[""], ["true"]], "cut": False}),
        ("a.tsv", b"a\tb\n1\t2\n", {"columns": ["a", "b"], "rows": [["1", "2"]], "cut": False}),
        ("a.csv", b"a;b\n1,5;2\n", {"columns": ["a", "b"], "rows": [["1,5", "2"]], "cut": False}),
    ],
)  # fmt: skip
def test_tables(tmp_path: Path, name: str, data: bytes, expected: dict[str, object]) -> None:
    (tmp_path / "f").write_bytes(data)
    with Reader() as reader:
        found = reader.preview(tmp_path / "f", name=name)
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.json", b"[" * 100_000), ("a.json", b"{"), ("a.npy", b"\x93NUMPY\x01\x00\xff\xff"),
     ("a.npz", b"PK\x03\x04" + b"\0" * 50)],
)  # fmt: skip
def test_a_hostile_file_costs_nothing_but_its_preview(
    tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / "f").write_bytes(data)
    with Reader() as reader:
        assert "why" in reader.preview(tmp_path / "f", name=name)
        (tmp_path / "g").write_bytes(npy([1.0, float("nan"), 3.0]))
        (tensor,) = reader.preview(tmp_path / "g", name="g.npy")["tensors"]
    assert (tensor["mean"], tensor["not_finite"], tensor["count"]) == (2.0, 1, 3)


def test_a_pickle_is_named_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00exit\x85R.")
    with Reader() as reader:
        found = reader.preview(tmp_path / "f", name="a.pkl")
    assert "os.system" in json.dumps(found)


def test_log_lines() -> None:
    cutter = Lines()
    assert cutter.feed(b"a\x1b[1;31mb\x1b[0m\r\nx\ty\xe2\x82") == ["ab"]
    assert cutter.feed(b"\xac\n1%\r") == ["x    y€"]
    assert cutter.feed(b"2%\r3%\n\x1b[2Jz\n\xff") == ["3%", "\\x1b[2Jz"]
    assert cutter.rest() == ["\\xff"]
    long = cutter.feed(b"y" * 5000 + b"\n")
    assert long == ["y" * 2000 + " … 3,000 more letters"]


def test_a_log_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stdout").symlink_to(tmp_path / "secret")
    assert Log(tmp_path, "stdout").tail().lines == ()


def test_axes_have_round_ticks() -> None:
    scale = scales.numeric([0.0, 1.0], 0, 100)
    assert scale.ticks() == [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
    assert scales.numeric([0.001, 0.1], 0, 100).ticks() == [0.001, 0.01, 0.1]
    for values in ([], [5.0], [float("nan")], [-1e308, 1e308], [0.0], [1e-320, 1.0]):
        assert len(scales.numeric(values, 0, 100).ticks()) < 30


def test_a_curve_keeps_its_extremes_when_it_is_thinned() -> None:
    points = [(float(x), 0.0) for x in range(10_000)]
    points[7777] = (7777.0, 9.0)
    found = charts.thinned(points)
    assert (7777.0, 9.0) in found
    assert len(found) <= 400
    assert found == sorted(found)


def test_nothing_of_a_chart_is_markup() -> None:
    made = charts.lines("<b>\x1b", [charts.Line(label="\"'&<script>", points=[(0, 0), (1, 1)])])
    assert "<b>" not in made
    assert "<script>" not in made
    assert "\x1b" not in made


def test_addresses_hold_no_path() -> None:
    links = ServerLinks()
    assert links.file("r", "sha256:ab") == "/run/r/file/ab"
    assert links.run("../x?y") == "/run/..%2Fx%3Fy".replace("%2F", "/")
    assert links.page("compare", run=["a", "b"]) == "/compare?run=a&run=b"


def test_a_scanner_finds_nothing() -> None:
    """bandit, a scanner for Python; what it may not mind is marked where it is."""
    room = Path(__file__).resolve().parents[2] / "reprobox" / "web"
    done = subprocess.run(
        [sys.executable, "-m", "bandit", "-q", "-r", str(room), "-f", "json"],
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)["results"]
    assert [(one["test_id"], one["filename"], one["line_number"]) for one in found] == []


def events(run: Path, starts: dict[str, int], over: list[bool]) -> list[tuple[str, str]]:
    """(event, data) until the run is over."""

    async def collect() -> list[str]:
        ends = iter(over)
        found = log_events.follow(run, starts, lambda: next(ends), lambda: False)
        return [one async for one in found]

    parts = [dict(line.split(": ", 1) for line in one.splitlines() if line[:1] not in ("", ":"))
             for one in asyncio.run(collect())]  # fmt: skip
    return [(one["event"], one["data"]) for one in parts if one]


def test_a_live_log_goes_on_where_the_browser_was(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_bytes(b"one\ntwo\nthree")
    found = events(tmp_path, {"stdout": 4, "stderr": 0}, [False, True])
    assert found == [("stdout", '["two"]'), ("stdout", '["three"]'), ("end", "{}")]
    assert log_events.starts("4.0", {"stdout": "1"}) == {"stdout": 4, "stderr": 0}
    assert log_events.starts("x.-1", {"stdout": "7"}) == {"stdout": 7, "stderr": 0}
    assert log_events.starts("", {"stdout": "9" * 30}) == {"stdout": 0, "stderr": 0}


def test_of_a_log_that_is_too_fast_the_middle_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_bytes(b"x" * 99 + b"\n")
    with (tmp_path / "stdout").open("ab") as log:
        log.truncate(50_000_000)
        log.seek(0, 2)
        log.write(b"\nlast\n")
    (kind, data), end = events(tmp_path, {"stdout": 0}, [True])
    lines = json.loads(data)
    assert kind == "stdout"
    assert "bytes are left out here" in lines[0]
    assert lines[-1] == "last"
    assert len(data) < 100_000
    assert end == ("end", "{}")
