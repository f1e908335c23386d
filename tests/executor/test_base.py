"""What an executor is: each of the table has what the protocol asks."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from reprobox.cli.messages import Talk
from reprobox.context import Context
from reprobox.executor import base, executors

ASKED = [
    name
    for name, member in vars(base.Executor).items()
    if inspect.isfunction(member) and not name.startswith("_")
]


@pytest.mark.parametrize("name", sorted(executors.EXECUTORS))
def test_each_has_what_the_protocol_asks(tmp_path: Path, name: str) -> None:
    made = executors.of(Context(start=tmp_path, progress=Talk(quiet=True)), name)
    for method in ASKED:
        ours = inspect.signature(getattr(made, method))
        theirs = inspect.signature(getattr(base.Executor, method))
        assert list(ours.parameters) == list(theirs.parameters)[1:], method
