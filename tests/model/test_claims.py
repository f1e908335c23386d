"""What a claim says, and when it holds."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.model.claims import Parsed

F = "m.json#$.x"


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        (f"{F} >= 0.96", [0.96], True),
        (f"{F} >= 0.96", [0.9599], False),
        (f"{F}>=0.96", [0.97, 0.95], False),
        (f"{F} < 1e-3", [5e-4], True),
        (f"{F} = 3", [3], True),
        (f"{F} != 3", [3.0], False),
        (f"{F} == 0.91 +- 0.005", [0.914], True),
        (f"{F} = 0.91 ± 0.005", [0.916], False),
        (f"{F} = 200 +- 1%", [201.9], True),
        (f"{F} = 200 +- 1%", [202.1], False),
        ("last log.csv#loss < 0.1", [3, 2, 0.05], True),
        ("first log.csv#loss < 0.1", [3, 2, 0.05], False),
        ("min log.csv#loss < 0.1", [3, 0.05, 2], True),
        ("max log.csv#loss < 0.1", [3, 0.05, 2], False),
        ("mean log.csv#loss = 2", [1, 2, 3], True),
        (f'{F} = "adam"', ["adam"], True),
        (f'{F} != "adam"', ["adam"], False),
        ('m.json#$["a > b"] > 1', [2], True),
    ],
)
def test_a_claim_about_one_run(text: str, values: list[Any], holds: bool) -> None:
    parsed = Parsed(text)
    assert not parsed.needs_original
    assert parsed.holds(values) is holds


@pytest.mark.parametrize(
    ("text", "values", "original", "holds"),
    [
        ("s.csv#acc same ranking", [0.5, 0.9, 0.7], [0.4, 0.8, 0.6], True),
        ("s.csv#acc same ranking", [0.5, 0.9, 0.7], [0.4, 0.6, 0.8], False),
        ("s.csv#acc same ranking", [1, 1, 2], [1, 2, 3], False),
        (f"{F} within 1%", [101], [100], True),
        (f"{F} within 1%", [102], [100], False),
        (f"{F} within 0.01", [0.505], [0.5], True),
    ],
)
def test_a_claim_about_two(text: str, values: list[Any], original: list[Any], holds: bool) -> None:
    parsed = Parsed(text)
    assert parsed.needs_original
    assert parsed.holds(values, original) is holds


@pytest.mark.parametrize("values", [[], ["x"], [None], [True], [float("nan")]])
def test_what_is_no_number_is_inconclusive(values: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"number|no value"):
        Parsed(f"{F} > 0").holds(values)


def test_another_number_of_values_is_inconclusive() -> None:
    with pytest.raises(ValueError, match="argument"):
        Parsed(f"{F} within 1%").holds([1, 2], [1])


@pytest.mark.parametrize(
    "text", ["", "m.json >= 1", F, f"{F} > high", f"{F} > 1 +- 2", f"{F} => 1"]
)
def test_what_is_no_claim_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"claim|margin"):
        Parsed(text)
