"""Axes of charts: round ticks, and few of them whatever the values."""

from __future__ import annotations

from reprobox.web import scales


def test_axes_have_round_ticks() -> None:
    scale = scales.numeric([0.0, 1.0], 0, 100)
    assert scale.ticks() == [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
    assert scales.numeric([0.001, 0.1], 0, 100).ticks() == [0.001, 0.01, 0.1]
    for values in ([], [5.0], [float("nan")], [-1e308, 1e308], [0.0], [1e-320, 1.0]):
        assert len(scales.numeric(values, 0, 100).ticks()) < 30
