"""The small grammars of single settings: what each gives back, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reprobox.config import grammar


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (grammar.plain, "a b", "a b"),
        (grammar.size, "4g", "4g"),
        (grammar.seconds, "2m", 120.0),
        (grammar.name, "run-1.2_x", "run-1.2_x"),
        (grammar.run_name, "lates", "lates"),
        (grammar.python, "3.11", "3.11"),
        (grammar.package, "git=1:2.39.5-0+deb12u2", "git=1:2.39.5-0+deb12u2"),
        (grammar.capability, "cap_net_raw", "NET_RAW"),
        (grammar.suite, "debian:trixie", "trixie"),
        (grammar.suite, "registry.example/debian:trixie", None),
        (grammar.metric, "m.json#$.a", "m.json#$.a"),
    ],
)
def test_what_fits(read: Callable[[str], Any], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (grammar.plain, " "),
        (grammar.plain, "a\x1b[2J"),
        (grammar.no_nul, "a\0b"),
        (grammar.size, "0"),
        (grammar.seconds, "0s"),
        (grammar.name, "-a"),
        (grammar.name, "a" * 65),
        (grammar.run_name, "latest"),
        (grammar.run_name, "latest~2"),
        (grammar.run_name, "20261128-x"),
        (grammar.python, "3.11.7"),
        (grammar.package, "Git"),
        (grammar.capability, "net raw"),
        (grammar.metric, "#$.a"),
        (grammar.metric, "m.json#"),
    ],
)
def test_what_does_not(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ValueError):
        read(text)


def test_a_path_stays_in_the_repository() -> None:
    assert grammar.within("../a/./b", "conf", "copy it") == "a/b"
    for text in ("", "/etc/passwd", "../../x", "a/../../.."):
        with pytest.raises(ValueError):
            grammar.within(text, "conf", "copy it")


def test_a_secret_that_was_written_down_is_not_repeated() -> None:
    assert grammar.secret("KEY", "env:HOME") == "env:HOME"
    with pytest.raises(ValueError) as refused:
        grammar.secret("KEY", "hunter2")
    assert "hunter2" not in str(refused.value)
