"""Options and imports of a script, as its source declares them."""

from __future__ import annotations

import pytest

from reprobox.config.script_options import look, packages


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("add_argument('--lr', default=1e-5)", ("--lr", "lr", "1.0e-05")),
        ("add_argument('-b', '--batch-size', default=-3)", ("--batch-size", "batch_size", "-3")),
        ("option('--name', default='yes')", ("--name", "name", '"yes"')),
        ("add_argument('--lr', default=float('inf'))", None),
        ("add_argument('--lr', default=1e999)", None),
        ("add_argument('--on', default=True)", None),
        ("add_argument('--lr')", None),
        ("add_argument('lr', default=1)", None),
        ("add_argument(*names, default=1)", None),
        ("set('--lr', default=1)", None),
    ],
)
def test_declared_options(declared: str, expected: tuple[str, str, str] | None) -> None:
    found = look(f"import argparse\np.{declared}\n".encode())
    assert found.options == ((expected,) if expected else ())


def test_packages_are_imports_that_are_neither_standard_nor_next_to_the_script() -> None:
    source = b"import os, numpy.linalg\nfrom torch import nn\nfrom . import a\nimport mine, lib.x"
    assert packages(look(source), ["mine.py", "lib", "numpy"]) == ["torch"]


@pytest.mark.parametrize("source", [b"\xff\xfe", b"def (", b"\x00", b"(" * 5000])
def test_what_python_cannot_parse_says_nothing(source: bytes) -> None:
    found = look(source)
    assert (found.options, found.imports, found.reads_config) == ((), frozenset(), True)
