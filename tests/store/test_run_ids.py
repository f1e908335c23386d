"""Ids of runs."""

from __future__ import annotations

from harness_runs import NOW

from reprobox.store import run_ids
from reprobox.store.runs import Runs


def test_ids_are_sortable_readable_and_fresh(runs: Runs) -> None:
    first = runs.new_id(NOW)
    assert first.startswith("20261120-153012-")
    assert run_ids.is_id(first)
    assert run_ids.created(first) == NOW
    assert runs.new_id(NOW + 1) > first
    adjectives, animals = run_ids._words()
    assert (len(set(adjectives)), len(set(animals))) == (64, 64)
    tries = iter([True, True, False])
    run_ids.new_id(NOW, lambda _: next(tries))
    assert list(tries) == []
