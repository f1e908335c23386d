"""The tag of a lock's image."""

from __future__ import annotations

import pytest

from reprobox.model.image import tag_of


def test_a_tag_is_the_start_of_the_digest() -> None:
    assert tag_of("sha256:" + "ab" * 32) == "reprobox/lock:" + "ab" * 16


@pytest.mark.parametrize(
    "text", ["", "ab" * 32, "sha256:", "sha256:" + "g" * 64, "md5:" + "a" * 32]
)
def test_what_is_not_a_digest_has_no_tag(text: str) -> None:
    with pytest.raises(ValueError):
        tag_of(text)
