"""YAML of other programs: values, and neither objects nor aliases."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.kit import plain_yaml


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"a: [1, x]\n", {"a": [1, "x"]}),
        (b"", None),
        (b"[" * 3 + b"]" * 3 + b"\n", [[[]]]),
        (b"a: !!python/object/apply:os.system [true]\nb: 1\n", {"a": None, "b": 1}),
        (b"!mine {a: 1}", None),
    ],
)
def test_values_without_what_is_tagged(data: bytes, value: Any) -> None:
    assert plain_yaml.load(data) == value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"a: &x 1\nb: *x\n", "aliases"),
        (b"a: [", "not YAML"),
        (b"a: 1\n--- \nb: 2\n", "not YAML"),
        (b"[" * 5000, "nested too deeply"),
        (b"[" * 101 + b"]" * 101, "nested too deeply"),
        (b"#" * ((4 << 20) + 1), "more than 4 MiB"),
    ],
)
def test_what_is_not_read_says_why(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        plain_yaml.load(data)
