"""Charts: what a curve keeps when it is thinned, and that no text becomes markup."""

from __future__ import annotations

from reprobox.web import charts


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
