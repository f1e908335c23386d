"""Programs of other languages: whether they draw numbers, and how each is given a seed."""

from __future__ import annotations

import pytest

from reprobox.judge.languages import only_asks, seed_advice


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["Rscript", "fit.R"], "set.seed(1)"),
        (["/usr/local/bin/julia", "a.jl"], "Random.seed!(1)"),
        (["sh", "-c", "node train.js --lr 1"], "Math.random"),
        (["bash", "-c", "/usr/bin/perl5.36 x"], "srand(1)"),
        (["gawk", "BEGIN {}"], "BEGIN"),
    ],
)
def test_a_program_that_draws_has_its_advice(argv: list[str], word: str) -> None:
    assert word in seed_advice(argv)
    assert not only_asks(argv)


@pytest.mark.parametrize("argv", [["uname", "-a"], ["/usr/bin/git", "status"], ["sh", "-c", "ls"]])
def test_a_program_that_only_asks_explains_nothing(argv: list[str]) -> None:
    assert only_asks(argv)
    assert seed_advice(argv) == ""


@pytest.mark.parametrize("argv", [[], [""], ["sh", "-c"], ["./solve"], ["Rscripty"]])
def test_others_are_neither(argv: list[str]) -> None:
    assert seed_advice(argv) == ""
    assert not only_asks(argv)
