"""Which tags fit an image."""

from __future__ import annotations

import pytest
from packaging.tags import Tag

from reprobox.lock.target import Target


@pytest.mark.parametrize(
    ("minor", "platform"), [(36, "2_36"), (30, "2_28"), (28, "2_28"), (12, "2_17"), (99, "2_40")]
)
def test_a_c_library_between_two_of_uvs_takes_the_older(minor: int, platform: str) -> None:
    assert Target(python="3.11", minor=minor).uv_platform == f"x86_64-manylinux_{platform}"


def test_only_tags_of_its_own_c_library_fit() -> None:
    glibc = Target(python="3.11", minor=17).ranks
    musl = Target(python="3.11", libc="musl", minor=2).ranks
    assert Tag("cp311", "cp311", "manylinux2014_x86_64") in glibc
    assert Tag("cp311", "cp311", "manylinux_2_18_x86_64") not in glibc
    assert Tag("cp311", "cp311", "musllinux_1_2_x86_64") in musl
    assert not any("manylinux" in tag.platform for tag in musl)
    assert glibc[Tag("cp311", "cp311", "linux_x86_64")] < glibc[Tag("py3", "none", "any")]
