"""`reprobox diff`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_exit_codes_and_json_of_a_comparison(desk: Desk) -> None:
    found = desk("diff", "first", "second", "--json")
    assert (found.code, found.json()["result"]) == (1, "different")
    same = desk("diff", "first", "first", "--json")
    assert (same.code, same.json()["result"]) == (0, "identical")


def test_a_rule_that_is_given_counts(desk: Desk) -> None:
    assert desk("diff", "first", "second", "--rule", "loss.json: ignore").code == 0
    wrong = desk("diff", "first", "second", "--rule", "loss.json: guess")
    assert wrong.code not in (0, 1, 60)
    assert "guess" in wrong.err


def test_several_runs_are_one_table(desk: Desk) -> None:
    found = desk("diff", "--table", "first", "second", "--json")
    assert (found.code, found.json()["runs"]) == (1, [desk.first, desk.second])
    assert "train.lr" in {row["name"] for row in found.json()["rows"]}
