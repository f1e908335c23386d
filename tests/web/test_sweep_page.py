"""The page of a sweep."""

from __future__ import annotations

from web_demo import SWEEP
from web_world import Served, World, text_of


def test_a_sweep_names_its_best_with_its_spread(demo: World, demo_site: Served) -> None:
    page = demo_site.text(f"/sweep/{SWEEP}")
    shown = text_of(page)
    assert "15 of 15 ended" in shown
    assert "The best, by the largest accuracy" in shown
    assert page.count('class="row ') == 15
    assert page.count('class="row best"') == 1
    assert "accuracy over train.lr" in page
    least = text_of(demo_site.text(f"/sweep/{SWEEP}", metric="loss"))
    assert "The best, by the smallest loss" in least
    assert SWEEP in demo_site.text("/sweeps")
    assert demo_site.ask("/sweep/none")[0] == 404
