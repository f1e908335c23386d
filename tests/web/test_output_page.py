"""The page of an output."""

from __future__ import annotations

from web_demo import digest, outputs
from web_world import Served, World, named, text_of


def test_outputs_are_looked_into(demo: World, demo_site: Served) -> None:
    base = named(demo, "baseline")
    data = outputs(0.01, 0, 60)

    def page(name: str) -> str:
        return demo_site.text(f"/run/{base}/output/{digest(data[name])}")

    weights = page("results/weights.npy")
    assert weights.count('class="bar"') == 32
    assert "float64 2000" in text_of(weights)
    table = text_of(page("results/predictions.csv"))
    assert "id label probability 0 0 0.90 1 1 0.91" in table
    assert "Only the beginning is shown." in table
    assert "$.accuracy" in page("results/metrics.json")
    assert "<img" in page("results/curve.png")
