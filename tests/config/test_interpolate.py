"""`${key}` in a command and its parts."""

from __future__ import annotations

import pytest
from config_text import BASE, faults, loaded


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("${lrr}", "did you mean 'lr'?"),
        ("${model}", "a mapping"),
        ("${model.layers}", "a list"),
        ("${model.layers.9}", "there is no"),
    ],
)
def test_interpolation_that_fails(part: str, words: str) -> None:
    text = BASE.replace(b"config.yaml]", f'"{part}"]'.encode())
    (fault,) = faults(text)
    assert words in fault


def test_interpolation_uses_the_overridden_value_and_never_splits() -> None:
    text = BASE.replace(b"[python, train.py, config.yaml]", b"python ${model.layers.0} ${lr}")
    assert loaded(text, "lr='a b; rm -rf $x ${epochs}'").command == (
        "python",
        "1",
        "a b; rm -rf $x ${epochs}",
    )
