"""Where a config is, and what its paths are relative to."""

from __future__ import annotations

import pytest

from reprobox.config.place import Place

BELOW, TOP = Place(config_path="conf/a/config.yaml"), Place(config_path="config.yaml")


@pytest.mark.parametrize(
    ("place", "path", "found"),
    [
        (TOP, "reprobox.lock", "reprobox.lock"),
        (BELOW, "x.lock", "conf/a/x.lock"),
        (BELOW, "../../x.lock", "x.lock"),
    ],
)
def test_a_lock_is_relative_to_the_config(place: Place, path: str, found: str) -> None:
    assert place.lock(path) == found


@pytest.mark.parametrize("path", ["../../../x", "/etc/x"])
def test_a_lock_and_a_working_directory_stay_in_the_repository(path: str) -> None:
    with pytest.raises(ValueError, match="committed with the code"):
        BELOW.lock(path)
    with pytest.raises(ValueError, match="only what is in the commit"):
        BELOW.workdir(path)


def test_an_input_that_is_named_once() -> None:
    assert BELOW.both("data/../train") == "conf/a/train"
    assert BELOW.both("/srv//data/") == "/srv/data"
    with pytest.raises(ValueError, match="PATH_IN_RUN: ~/data"):
        BELOW.both("~/data")
    with pytest.raises(ValueError, match=r"inputs: \{data: ../../../data\}"):
        BELOW.both("../../../data")


@pytest.mark.parametrize(
    ("path", "found"),
    [("/srv/x", "/srv/x"), ("~/x", "~/x"), ("../x", "conf/x"), ("../../../x", "../x")],
)
def test_a_place_on_this_host_may_lie_outside(path: str, found: str) -> None:
    assert BELOW.host(path) == found
    assert (BELOW.directory, TOP.directory) == ("conf/a", "")
