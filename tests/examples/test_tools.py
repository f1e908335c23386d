"""Each example of a tool: its usual code, a config of at most eight lines, a run and its replay."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from flow_project import TOP

EXAMPLES = TOP / "examples" / "tools"
TOOLS = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


def runner() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("tools", os.fspath(TOP / "scripts" / "tools"))
    spec = importlib.util.spec_from_loader("tools", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tools"] = module
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


@pytest.mark.parametrize("tool", TOOLS)
def test_its_config_is_short_and_its_versions_are_fixed(tool: str) -> None:
    text = (EXAMPLES / tool / "config.yaml").read_text()
    assert len(text.splitlines()) <= 8
    asked = re.findall(r"requirements: \[(.*?)\]", text) or [""]
    for one in filter(None, asked[0].split(", ")):
        assert "==" in one or one.startswith("setuptools<"), one
    assert asked[0] or "apt: [" in text  # R has no packages of Python


def test_the_page_has_a_row_for_each() -> None:
    page = (TOP / "docs" / "tools.md").read_text()
    rows = page.split("<!-- generated: tools -->")[1].split("<!-- end of tools -->")[0]
    listed = [line.split(" | ")[0].removeprefix("| ") for line in rows.splitlines() if line]
    assert listed[2:] == TOOLS  # after the head of the table


# The others are run by `make tools`, which CI does too.
@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.parametrize("tool", ["dvc", "hydra"])
def test_it_runs_and_its_replay_is_the_same(
    tool: str, base_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in base_env.items():
        monkeypatch.setenv(name, value)
    row = runner().tried(tool)
    assert row.good, row
    assert Path(EXAMPLES / tool / "config.yaml").is_file()
