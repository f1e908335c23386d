"""The page of two trails."""

from __future__ import annotations

import re
from pathlib import Path

from web_demo import trail
from web_world import Served, World, named, served, text_of


def test_the_first_step_and_tensor_that_differ_are_marked(demo: World, demo_site: Served) -> None:
    pair = [named(demo, "baseline"), named(demo, "candidate")]
    page = demo_site.text("/divergence", run=pair)
    assert "first divergence: step 9, parameters conv2.weight (1 of 6 tensors differs)" in page
    first = re.findall(r'class="field differs strength4 first"><title>([^<]*)', page)
    assert first == ["step 9, conv2.weight: differs"]
    assert page.count('class="field same') == 1 + 24 * 7 - (16 + 15 + 14 + 14 + 13 + 12)
    assert "Distance of loss" in page
    same = demo_site.text("/divergence", run=[pair[0], pair[0]])
    assert "the trails agree at all 24 steps they name" in same
    assert 'class="field differs strength' not in same
    status, _, body = demo_site.ask(f"/divergence?run={pair[0]}")
    assert (status, b"needs two runs" in body) == (400, True)


def test_without_a_trail_nothing_is_said_to_agree(demo: World, demo_site: Served) -> None:
    pair = [row.id for row in demo.runs.list(name="learning-rate") if not row.replay_of][:2]
    page = text_of(demo_site.text("/divergence", run=pair))
    assert "left no trail" in page
    assert "agree" not in page


def test_a_damaged_trail_is_named(tmp_path: Path) -> None:
    world = World.at(tmp_path / "p")
    pair = [world.run(number, trail=trail()) for number in (0, 1)]
    (world.runs.path(pair[1]) / "trail.jsonl").write_text('{"format": "x"}\n{"p": 1}\n')
    with served(world.context) as site:
        page = text_of(site.text("/divergence", run=pair))
        assert "the trails were not compared: trail.jsonl is not a reprobox.trail/1" in page
