"""The page that compares runs."""

from __future__ import annotations

from pathlib import Path

from web_world import Served, World, named, served, text_of


def test_two_runs_are_compared_in_all_that_decides(demo: World, demo_site: Served) -> None:
    pair = [named(demo, "baseline"), named(demo, "candidate")]
    page = demo_site.text("/compare", run=pair)
    shown = text_of(page)
    assert "train.lr 0.01 0.03" in shown
    assert "-shuffle = True" in shown
    assert "≠ different" in shown
    assert "results/curve.png different bytes" in shown
    assert page.count('class="line c0"') >= 2
    assert page.count('class="line c1"') >= 2
    again = next(row.id for row in demo.runs.list(replay_of=pair[0]) if row.id)
    assert "the same bytes" in demo_site.text("/compare", run=[pair[0], again])
    for runs in (pair[:1], pair * 5):
        assert demo_site.ask(f"/compare?{'&'.join('run=' + run for run in runs)}")[0] == 400


def test_a_commit_that_is_gone_is_said(tmp_path: Path) -> None:
    world = World.at(tmp_path / "p")
    pair = [world.run(0), world.run(1, commit="c" * 40)]
    with served(world.context) as site:
        assert "the code could not be compared" in site.text("/compare", run=pair)
