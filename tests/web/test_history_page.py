"""The page of what a run came from."""

from __future__ import annotations

from pathlib import Path

from web_world import Served, World, named, served, text_of


def test_history_tells_what_a_run_came_from(demo: World, demo_site: Served) -> None:
    base = named(demo, "baseline")
    page = text_of(demo_site.text("/history", run=base))
    assert page.count("replay: identical") == 2
    replay = next(row.id for row in demo.runs.list(replay_of=base))
    assert text_of(demo_site.text("/history", run=replay)) == page
    trial = next(row.id for row in demo.runs.list(name="learning-rate") if not row.replay_of)
    assert "sweep learning-rate" in text_of(demo_site.text("/history", run=trial))


def test_a_run_of_another_store_and_a_reader(tmp_path: Path) -> None:
    world = World.at(tmp_path / "p")
    far = world.run(0)
    (world.runs.path(far) / "started.json").unlink()
    with served(world.context) as site:
        page = text_of(site.text("/history", run=far))
        assert "taken from another store" in page
        assert "lab-1" in page
