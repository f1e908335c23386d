"""The table of executors, and what commands ask of one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from reprobox import commands
from reprobox.cli.messages import Talk
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.executor import executors


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(start=tmp_path, progress=Talk(quiet=True))


def test_an_unknown_executor_is_refused_with_those_that_there_are(context: Context) -> None:
    with pytest.raises(UsageError, match="no executor 'cloud'") as caught:
        executors.of(context, "cloud")
    assert caught.value.next_step == "one of: local, slurm"


@pytest.mark.parametrize("name", ["stop", "logs", "wait", "replay", "show", "ls"])
def test_commands_leave_containers_to_the_executor(name: str) -> None:
    path = Path(next(iter(commands.__path__))) / f"{name}.py"
    calls = {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    }
    forbidden = ("create", "start", "stop", "kill", "wait", "remove", "state")
    assert not calls & {f"context.engine.{one}" for one in forbidden}
