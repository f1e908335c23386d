"""`reprobox ui`: what it prints and answers where nothing is executed."""

from __future__ import annotations

import pytest
from desk import Desk


@pytest.mark.parametrize("port", ["x", "-1", "65536"])
def test_a_port_that_is_none(desk: Desk, port: str) -> None:
    found = desk("ui", "--port", port)
    assert (found.code, found.out) == (2, "")
    assert port in found.err
