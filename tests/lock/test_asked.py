"""An entry of `requirements` with the extras and groups that are wanted."""

from __future__ import annotations

import pytest

from reprobox.lock.asked import Asked, parse


@pytest.mark.parametrize(
    ("entry", "asked"),
    [
        ("pyproject.toml", Asked(file="pyproject.toml")),
        ("a.toml[x, y]{dev}", Asked(file="a.toml", extras=("x", "y"), groups=("dev",))),
        ("a.toml{dev,,test }", Asked(file="a.toml", groups=("dev", "test"))),
        ("a.toml[]", Asked(file="a.toml")),
        ("a.toml{dev}[x]", Asked(file="a.toml{dev}[x]")),
        ("", Asked(file="")),
    ],
)
def test_forms(entry: str, asked: Asked) -> None:
    assert parse(entry) == asked
