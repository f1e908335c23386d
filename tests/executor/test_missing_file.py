"""A file that the user has and the run has not is named with the way to give it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from attest_world import a_record

from reprobox.executor import missing_file
from reprobox.model.runspec import InputPin, RunSpec
from reprobox.source.repo import open_repo

SAYINGS = (
    "FileNotFoundError: [Errno 2] No such file or directory: '{}'\n",
    "FileNotFoundError: [Errno 2] Unable to open file (unable to open file: name = '{}', errno = 2, error message = 'x')\n",
    "cat: {}: No such file or directory\n",
    "cannot open file '{}': No such file or directory\n",
    "head: cannot open '{}' for reading: No such file or directory\n",
)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    made = tmp_path / "repo"
    (made / "data").mkdir(parents=True)
    (made / "data" / "big.csv").write_text("1\n")
    (made / ".gitignore").write_text("data/\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *words], cwd=made, check=True)
    return made


def asked(top: Path, **changes: object) -> RunSpec:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=top, capture_output=True, check=True, text=True
    )
    spec = replace(a_record().intent.runspec, commit=head.stdout.strip(), inputs=())
    return replace(spec, **changes)  # type: ignore[arg-type]


def said(top: Path, text: str, **changes: object) -> str:
    stderr = top.parent / "stderr"
    stderr.write_text("x" * 100_000 + "\nTraceback\n" + text)
    return missing_file.advice(stderr, open_repo(top), top, asked(top, **changes))


@pytest.mark.parametrize("saying", SAYINGS)
def test_an_ignored_file_is_named_with_its_rule(top: Path, saying: str) -> None:
    assert said(top, saying.format("data/big.csv")).startswith(
        "data/big.csv is in your work tree, ignored by git (.gitignore:1: data/), and not an input"
    )


def test_paths_count_from_the_working_directory(top: Path) -> None:
    for path in ("../data/big.csv", "/work/data/big.csv"):
        assert "ignored by git" in said(top, SAYINGS[0].format(path), workdir="code")
    assert said(top, SAYINGS[0].format("data/big.csv"), workdir="code") == ""


def test_a_file_of_the_host_is_named_too(top: Path) -> None:
    words = said(top, SAYINGS[0].format("/etc/hosts"))
    assert words.startswith("/etc/hosts is on this host and not an input")


def test_what_is_nowhere_tracked_or_an_input_is_not_named(top: Path) -> None:
    for path in ("data/other.csv", ".gitignore", "/nowhere/x.csv", "/dev/nvidia0"):
        assert said(top, SAYINGS[0].format(path)) == "", path
    pin = InputPin(path="/work/data", source="", kind="tree", digest="sha256:" + "0" * 64, size=1)
    assert said(top, SAYINGS[0].format("data/big.csv"), inputs=(pin,)) == ""
    assert said(top, "all is well: 'data/big.csv'\n") == ""
