"""A command line that is not valid is answered with one that does."""

from __future__ import annotations

import json
import shlex

import pytest

from reprobox.cli import process
from reprobox.cli.command_table import COMMANDS, load
from reprobox.cli.messages import Talk
from reprobox.cli.usage_errors import _ELSEWHERE, SYNONYMS

KNOWN = {row.name: row for row in COMMANDS}


def refused(capsys: pytest.CaptureFixture[str], typed: str) -> tuple[int, str, str]:
    code = process.answer(shlex.split(typed))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("error: ")
    assert lines[-1].startswith("next: ")
    return code, lines[0].removeprefix("error: "), lines[-1].removeprefix("next: ")


def works(command: str) -> bool:
    """Whether a command line can be read, without running it."""
    program, *arguments = shlex.split(command)
    assert program == "reprobox"
    if arguments == ["--help"] or arguments == ["--version"]:
        return True
    inner = load(KNOWN[arguments[0]])
    if arguments[-1] == "--help":
        return True
    inner.make_context(arguments[0], arguments[1:])
    return True


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("status", "ls"),
        ("list", "ls"),
        ("ps", "ls"),
        ("history", "ls"),
        ("compare a b", "diff"),
        ("clean", "gc"),
        ("delete latest", "rm"),
        ("log latest", "logs"),
        ("rerun", "replay"),
        ("repaly latest", "replay"),
        ("LIST", "ls"),
        ("lst", "ls"),
    ],
)
def test_an_unknown_command_is_answered_with_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str], typed: str, meant: str
) -> None:
    code, what, next_step = refused(capsys, typed)
    assert (code, what) == (2, f"unknown command {typed.split()[0]!r}")
    assert next_step == f"reprobox {meant} --help"


def test_an_unknown_command_that_is_like_none_gets_the_list(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert refused(capsys, "xyzzy") == (
        2,
        "unknown command 'xyzzy'",
        "reprobox --help",
    )
    assert refused(capsys, "'it'\\''s'")[2] == "reprobox --help"
    assert refused(capsys, "image foo")[2] == "reprobox image --help"


def test_every_synonym_leads_to_a_command() -> None:
    for meant in SYNONYMS.values():
        assert meant in KNOWN or meant.startswith("--") or _ELSEWHERE[meant] in KNOWN, meant
    assert not set(SYNONYMS) & set(KNOWN) - {"name", "tag", "note"}


@pytest.mark.parametrize(
    ("typed", "better"),
    [
        ("run --lr 0.1", "run lr=0.1"),
        ("run --lr=0.1", "run lr=0.1"),
        ("run c.yaml --lr -0.1 -d", "run c.yaml lr=-0.1 -d"),
        (
            "run --learning-rate 1e-3 --batch-size=3 --snapshot",
            "run learning_rate=1e-3 batch_size=3 --snapshot",
        ),
        ("run --remark 'two words'", "run 'remark=two words'"),
        ("lock --model.width 3", "lock model.width=3"),
        ("check --lr 1", "check lr=1"),
    ],
)
def test_an_option_that_is_a_value_of_the_config_is_answered_with_the_override(
    capsys: pytest.CaptureFixture[str], typed: str, better: str
) -> None:
    code, _, next_step = refused(capsys, typed)
    assert code == (125 if typed.startswith("run") else 2)
    if next_step.endswith("--help"):
        pytest.fail(f"{typed} was answered with {next_step}")
    assert next_step == f"reprobox {better}"
    assert works(next_step)


@pytest.mark.parametrize(
    ("typed", "next_step"),
    [
        ("ls --nam x", "reprobox ls --help"),
        ("ls --quite", "reprobox ls --help"),
        ("lock --frozen", "reprobox lock --help"),
        ("run --lr", "reprobox run --help"),
        ("show a b c", "reprobox show --help"),
        ("ls -n x", "reprobox ls --help"),
        ("-x", "reprobox --help"),
        ("export latest", "reprobox export --help"),
    ],
)
def test_other_faults_lead_to_the_page_of_the_command(
    capsys: pytest.CaptureFixture[str], typed: str, next_step: str
) -> None:
    assert refused(capsys, typed)[2] == next_step


def test_the_error_is_json_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Talk, "answered", False)  # as in a process of its own
    process.answer(["run", "--lr", "0.1", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (said["next"], said["code"], said["exit_code"]) == (
        "reprobox run lr=0.1 --json",
        2,
        125,
    )
