"""Rules and claims that are proposed from several runs."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.judge import spread
from reprobox.model.verdict import Chance, FileDetail, FileState, FileVerdict, Place


def file(
    state: FileState = FileState.DIFFERENT, path: str = "m.json", **detail: Any
) -> FileVerdict:
    return FileVerdict(path=path, state=state, detail=FileDetail(**detail))


CLOCK = Chance(kind="a time", name="$.at", left="1", right="2", count=1)


@pytest.mark.parametrize(
    ("files", "rule", "why"),
    [
        ([file(FileState.IDENTICAL), file(FileState.IDENTICAL)], "", ""),
        ([file(FileState.EQUAL_UNDER_RULE), file(FileState.IDENTICAL)], "m.json: content", ""),
        ([file(FileState.NOT_CHECKED), file()], "m.json: ignore", "no reader knows"),
        ([file(FileState.MISSING), file()], "", "not every run leaves it"),
        ([file()], "", "not every run leaves it"),
        (
            [file(by_chance=(CLOCK,), count=1), file(by_chance=(CLOCK,), count=1)],
            "m.json: except-times",
            "",
        ),
        ([file(by_chance=(CLOCK,), count=2, rel=0.1), file(rel=0.1)], "", "by more than numbers"),
        ([file(rel=0.9), file(rel=0.1)], "", "too far apart"),
        (
            [file(rel=0.011), file(FileState.IDENTICAL)],
            "m.json: {compare: content, rtol: 0.03}",
            "",
        ),
        ([file(rel=1e-7, format="npz")] * 2, "m.json: {compare: tensors, rtol: 2e-07}", ""),
        ([file(rel=0.1, missing=("$.a",))] * 2, "", "by more than numbers"),
    ],
)
def test_the_narrowest_rule_that_lets_all_pass(
    files: list[FileVerdict], rule: str, why: str
) -> None:
    verdicts = [[one] for one in files] if len(files) > 1 else [files, []]
    [found] = spread.of_files(verdicts)
    assert found.rule == rule
    assert why in found.why
    assert bool(why) is bool(found.why)


def test_the_largest_distances_and_the_values_that_were_seen() -> None:
    def seen(right: float, ulp: int, rel: float) -> list[FileVerdict]:
        place = Place(name="$.acc", left=0.5, right=right, count=1)
        return [file(ulp=ulp, rel=rel, abs=rel, first=place)]

    [found] = spread.of_files([seen(0.52, 3, 0.04), seen(0.48, 9, 0.02)])
    assert (found.runs, found.identical, found.ulp, found.rel) == (2, 0, 9, 0.04)
    [values] = found.values
    assert (values.name, values.values) == ("$.acc", (0.5, 0.52, 0.48))
    assert spread.claims([found]) == {"m.json $.acc": "m.json#$.acc = 0.5 +- 0.04"}


def test_a_text_and_a_place_within_an_array_make_no_claim() -> None:
    places = (
        Place(name="$.name", left="a", right="b"),
        Place(name="w", left=1.0, right=2.0, index=(0,)),
    )
    [found] = spread.of_files([[file(rel=0.1, differences=places)]])
    assert found.values == ()
    assert spread.claims([found]) == {}
