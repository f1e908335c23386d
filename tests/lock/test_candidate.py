"""Which wheel an installer would take."""

from __future__ import annotations

import pytest

from reprobox.lock.candidate import Candidate, best, filename_of, offered
from reprobox.lock.target import Target

TARGET = Target(python="3.11", minor=28)


def wheel(name: str) -> Candidate:
    found = offered(None, name, "A" * 64)
    assert found is not None
    return found


def test_a_native_wheel_before_a_pure_one_and_the_highest_build() -> None:
    pure, native, later, foreign = map(
        wheel,
        (
            "a-1-py3-none-any.whl",
            "a-1-cp311-cp311-manylinux_2_17_x86_64.whl",
            "a-1-10-cp311-cp311-manylinux_2_17_x86_64.whl",
            "a-1-cp311-cp311-manylinux_2_39_x86_64.whl",
        ),
    )
    assert best([pure, native, foreign], TARGET) == native
    assert best([native, later], TARGET) == later
    assert best([foreign], TARGET) is None
    assert best([], TARGET) is None


def test_names_are_normalised_and_digests_in_small_letters() -> None:
    found = wheel("Foo_Bar-1.0-py3-none-any.whl")
    assert (found.name, found.digest) == ("foo-bar", "sha256:" + "a" * 64)
    assert found.is_wheel


@pytest.mark.parametrize("name", ["a.whl", "a-1.exe", "a-x-py3-none-any.whl", ""])
def test_what_is_neither_a_wheel_nor_a_source(name: str) -> None:
    assert offered(None, name, "a" * 64) is None


def test_the_file_name_of_an_address() -> None:
    assert filename_of("https://host.invalid/p/a%2Bcpu-1.whl?x=/y#sha256=0") == "a+cpu-1.whl"
