"""Which host and engine a run belongs to, decided from what its intent holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reprobox.model.home import EngineHome, Home

THERE = Home(
    name="lab1",
    machine="m1",
    boot="b1",
    engine=EngineHome(id="AAAA", root="/var/lib/docker", mark="k1"),
)


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"boot": "b2"}, True),  # rebooted
        ({"boot": "b2", "name": "lab2"}, False),  # cloned from one disk: same machine ID
        ({"boot": "b2", "machine": "m2"}, False),
        ({"name": "other", "machine": "m2"}, True),  # a container on the same kernel
        ({"boot": "", "machine": "", "name": ""}, True),  # nothing is known of one of them
    ],
)
def test_hosts(changed: dict[str, str], same: bool) -> None:
    other = replace(THERE, **changed)
    assert THERE.same_host(other) is other.same_host(THERE) is same


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"id": "BBBB"}, True),  # the mark is surer than the engine's ID
        ({"mark": "k2"}, False),  # the same ID from a shared key file
        ({"root": "/srv/docker"}, False),  # a copy of the engine's data, with its mark
        ({"mark": ""}, False),
    ],
)
def test_engines(changed: dict[str, str], same: bool) -> None:
    assert THERE.same_engine(replace(THERE, engine=replace(THERE.engine, **changed))) is same


@pytest.mark.parametrize(
    ("changed", "same"), [({}, True), ({"id": "B"}, False), ({"root": "/x"}, False)]
)
def test_an_intent_of_an_earlier_version_is_judged_by_id_and_place(
    changed: dict[str, str], same: bool
) -> None:
    old = replace(THERE, engine=EngineHome(id="AAAA", root="/var/lib/docker"))
    assert old.same_engine(replace(THERE, engine=replace(THERE.engine, **changed))) is same


def test_foreign_documents_are_read_without_trust() -> None:
    assert Home.of({"name": 3, "boot_id": None}, {"id": ["x"], "mark": {}}) == Home()
