"""Long texts are shown where they differ."""

from __future__ import annotations

import pytest

from reprobox.judge import windows

LONG = "x" * 1000


@pytest.mark.parametrize(
    ("left", "right"), [("", ""), ("a", "b"), ("x" * 200, "y" * 200)], ids=["empty", "one", "200"]
)
def test_short_texts_are_shown_whole(left: str, right: str) -> None:
    assert windows.around(left, right) == (left, right)


@pytest.mark.parametrize("before", [0, 100, 139, 141, 500])
def test_the_first_difference_is_in_both_windows(before: int) -> None:
    one, other = (
        windows.around(f"{LONG[:before]}{end}{LONG}", f"{LONG[:before]}B{LONG}")[place]
        for place, end in ((0, "A"), (1, "A"))
    )
    assert ("A" in one, "B" in other) == (True, True)
    assert one.replace("A", "B") == other
    assert max(len(one), len(other)) <= 202
    assert one.startswith("…") is (before > 140)
    assert one.endswith("…")


def test_a_text_that_goes_on_where_the_other_ends() -> None:
    one, other = windows.around(LONG, LONG + "tail")
    assert (one[-4:], other[-4:]) == ("xxxx", "tail")
