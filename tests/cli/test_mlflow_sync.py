"""`reprobox mlflow-sync`: what it prints and answers where nothing is executed."""

from __future__ import annotations

import pytest
from desk import Desk


@pytest.mark.parametrize("address", ["", "ftp://host", "nonsense"])
def test_what_is_not_the_address_of_a_server(desk: Desk, address: str) -> None:
    found = desk("mlflow-sync", "--to", address)
    assert (found.code, found.out) == (2, "")
    assert "is not the address of an MLflow server" in found.err
