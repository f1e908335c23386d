"""`reprobox lock`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_a_config_that_is_not_there_is_named_with_the_way_to_write_one(desk: Desk) -> None:
    found = desk("lock", "other.yaml")
    assert (found.code, found.out) == (12, "")
    assert found.err.splitlines() == [
        "error: cannot read the config other.yaml",
        "No such file or directory",
        "next: name a YAML file, or write one: reprobox init other.yaml",
    ]
