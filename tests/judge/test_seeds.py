"""Seeds that a program gave itself: those that differ between two runs."""

from __future__ import annotations

from reprobox.judge import seeds
from reprobox.model.observed import Draw, Process, Seed


def given(*values: str, place: str = "train.py:4", draws: tuple[Draw, ...] = ()) -> Process:
    notes = [Seed(what="torch.manual_seed", place=place, value=value) for value in values]
    return Process(seeds=notes, entropy=list(draws))


def test_the_same_seeds_in_another_order_of_processes_are_no_cause() -> None:
    one, other = [given("1"), given("2")], [given("2"), given("1")]
    assert list(seeds.differ(one, other)) == []


def test_a_place_with_other_seeds_is_named_with_both() -> None:
    (cause,) = seeds.differ([given("1", "2")], [given("3")])
    assert cause.what == "seed of torch.manual_seed at train.py:4"
    assert (cause.ours, cause.theirs) == ("1, 2", "3")


def test_many_seeds_of_one_place_are_counted() -> None:
    (cause,) = seeds.differ([given(*"12345")], [given("9")])
    assert cause.ours == "1, 2, 3 and 2 more"


def test_a_seed_that_only_one_run_gave_says_nothing() -> None:
    assert list(seeds.differ([given("1")], [given("2", place="train.py:9")])) == []
    assert list(seeds.differ([given("1")], [Process()])) == []


def test_a_seed_that_was_drawn_on_the_same_line_is_left_to_that_draw() -> None:
    draw = (Draw(what="os.urandom", place="train.py:4"),)
    assert list(seeds.differ([given("1", draws=draw)], [given("2", draws=draw)])) == []
