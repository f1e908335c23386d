"""What a sweep says of its best values."""

from __future__ import annotations

import pytest

from reprobox.kit.spread import spread
from reprobox.views import sweep as view


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0.9, 0.91, 0.92), (0.8, 0.81, 0.82), "lr=1 beats lr=2"),
        ((0.9, 0.7, 0.8), (0.8, 0.79, 0.82), "does not clearly beat"),
        ((0.9,), (0.8,), "add seeds"),
    ],
)
def test_the_sentence_about_the_best(
    first: tuple[float, ...], second: tuple[float, ...], expected: str
) -> None:
    groups = []
    for point, values in (("lr=1", first), ("lr=2", second)):
        measured = spread(values)
        assert measured is not None
        runs = tuple("r" for _ in values)
        groups.append(view.SeedGroup(point=point, runs=runs, values=values, spread=measured))
    assert expected in view.sentence(groups, "accuracy", maximize=True)
