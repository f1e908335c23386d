"""A user who types each `next:` as printed gets there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from reprobox.cli import process
from reprobox.cli.messages import Talk


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REPROBOX_HOME", str(tmp_path / "shared"))
    monkeypatch.setattr(Talk, "answered", False)
    top = tmp_path / "project"
    top.mkdir()
    subprocess.run(["git", "init", "-q", top], check=True)
    (top / "main.py").write_text("print('x')\n")
    monkeypatch.chdir(top)
    return top


def typed(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Runs a command line; its exit code, and the command that its `next:` names."""
    program, *arguments = shlex.split(line)
    assert program == "reprobox"
    code = process.answer(arguments)
    said = capsys.readouterr().err
    found = re.search(r"next: .*?`?(reprobox [^`\n]*?)`?(?:, then .*)?$", said, re.MULTILINE)
    return code, found[1] if found else ""


def test_from_nothing_to_a_lock(capsys: pytest.CaptureFixture[str]) -> None:
    code, step = typed("reprobox run", capsys)
    assert (code, step) == (125, "reprobox init config.yaml")
    code, step = typed(step, capsys)
    assert (code, step) == (0, "reprobox lock config.yaml")
    assert Path("config.yaml").exists()
    code, again = typed("reprobox init", capsys)
    assert (code, again) == (2, step)


@pytest.mark.parametrize("own", ["lr: 0.1\n", "", "# mine\n"])
@pytest.mark.parametrize("command", ["run conf.yaml", "lock conf.yaml", "build conf.yaml"])
def test_the_scripts_own_config_gets_its_section(
    capsys: pytest.CaptureFixture[str], own: str, command: str
) -> None:
    Path("conf.yaml").write_text(own)
    _, step = typed(f"reprobox {command}", capsys)
    assert step == "reprobox init conf.yaml"
    assert typed(step, capsys) == (0, "reprobox lock conf.yaml")
    assert Path("conf.yaml").read_text().startswith(own)
    _, step = typed("reprobox build conf.yaml", capsys)
    assert step == "reprobox lock conf.yaml"


def test_a_flow_mapping_is_left_alone_and_the_next_step_works(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("config.yaml").write_text("{lr: 1}\n")
    _, step = typed("reprobox run", capsys)
    code, step = typed(step, capsys)
    assert (code, step) == (2, "reprobox init config.reprobox.yaml")
    assert typed(step, capsys)[0] == 0


def test_names_with_spaces_are_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    _, step = typed("reprobox run 'my config.yaml'", capsys)
    assert typed(step, capsys)[0] == 0
    assert Path("my config.yaml").exists()


@pytest.mark.parametrize(
    "command", ["show", "logs", "replay", "diff a b", "get latest", "rm latest", "explain"]
)
def test_without_runs_the_next_step_is_the_way_to_one(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    code, step = typed(f"reprobox {command}", capsys)
    assert code in (2, 50)
    assert step.startswith("reprobox ")
    code, _ = typed(step.split(" ", 2)[0] + " " + " ".join(step.split(" ")[1:]), capsys)
    assert code in (0, 125)


def test_an_override_that_was_typed_as_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    typed("reprobox init", capsys)
    code, step = typed("reprobox lock --epochs 5 --lr=0.5", capsys)
    assert code == 2
    assert shlex.split(step) == ["reprobox", "lock", "epochs=5", "lr=0.5"]


@pytest.mark.parametrize("word", ["status", "list", "hist", "compare", "clean", "lst", "tell"])
def test_an_unknown_command(capsys: pytest.CaptureFixture[str], word: str) -> None:
    _, step = typed(f"reprobox {word}", capsys)
    assert typed(step, capsys)[0] == 0
