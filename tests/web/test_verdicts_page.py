"""The page of verdicts: runs by machine, GPU or replay."""

from __future__ import annotations

from pathlib import Path

from web_world import Served, World, named, served, text_of

from reprobox.model.verdict import Class
from reprobox.web import verdicts_page


def test_the_matrix_is_by_machine_gpu_and_replay(demo: World, demo_site: Served) -> None:
    base, candidate = named(demo, "baseline"), named(demo, "candidate")
    matrix = verdicts_page.gather(demo.context, "machine")
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
    gpus = verdicts_page.gather(demo.context, "gpu")
    assert gpus.columns == ["NVIDIA A100", "NVIDIA H100", "no GPU"]
    replays = verdicts_page.gather(demo.context, "replay")
    assert replays.columns == ["1", "2", "3", "4"]
    shown = text_of(demo_site.text("/verdicts", by="gpu"))
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
