"""The caller's name inside the container."""

from __future__ import annotations

import pytest

from reprobox.engine import passwd


@pytest.mark.parametrize("uid", [0, 1000, 65534])
def test_the_first_line_of_a_number_is_the_callers(uid: int) -> None:
    rows = [line.split(":") for line in passwd.passwd(uid, 100).splitlines()]
    first = next(row for row in rows if row[2] == str(uid))
    assert (first[0], first[3], first[5]) == ("reprobox", "100", passwd.HOME)
    assert all(len(row) == 7 for row in rows)


def test_groups() -> None:
    rows = [line.split(":") for line in passwd.group(100).splitlines()]
    assert rows[0][:3] == ["reprobox", "x", "100"]
    assert all(len(row) == 4 for row in rows)
