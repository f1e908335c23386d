"""When `run --snapshot` and `doctor RUN` suggest compiled byte code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from harness_runs import LOCK, an_intent

from reprobox.commands.shared import bytecode_hint
from reprobox.model.lock import Conda, Wheel

TORCH = Wheel(name="torch", version="2.9.0", filename="torch.whl", sha256="0" * 64, size=180 << 20)
SMALL = replace(TORCH, name="numpy", size=18 << 20)
CONDA = Conda(
    name="pytorch",
    version="2.9.0",
    build="0",
    subdir="linux-64",
    filename="pytorch.conda",
    sha256="0" * 64,
    size=90 << 20,
)


@pytest.mark.parametrize(
    ("change", "config", "suggested"),
    [
        ({"wheels": (TORCH,)}, {}, True),
        ({"wheels": (TORCH,)}, {"reprobox": {"environment": {"python": "3.11"}}}, True),
        ({"wheels": (TORCH,)}, {"reprobox": {"environment": {"bytecode": False}}}, False),
        ({"wheels": (TORCH,), "bytecode": True}, {}, False),
        ({"wheels": (SMALL,)}, {}, False),
        ({"wheels": (SMALL,), "conda": (CONDA,)}, {}, True),
        ({}, {"reprobox": []}, False),
    ],
)
def test_large_packages_without_byte_code(
    change: dict[str, Any], config: dict[str, Any], suggested: bool
) -> None:
    intent = an_intent(lock=replace(LOCK, **change), config=config)
    said = bytecode_hint.advice(intent)
    assert bool(said) is suggested
    if said:
        assert said.startswith("`bytecode: true` in reprobox.environment of config.yaml")
        assert said.endswith("reprobox lock")
