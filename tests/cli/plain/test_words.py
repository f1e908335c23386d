"""A command line that is read without typer means what typer says."""

from __future__ import annotations

import importlib
import inspect
import itertools
import os
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from click.core import ParameterSource

from reprobox.cli.command_line import app
from reprobox.cli.command_table import COMMANDS, load
from reprobox.cli.plain import words

LOADED = {row.name: load(row) for row in COMMANDS if row.name in words.ROWS}
READ = [
    "run",
    "run config.yaml",
    "run config.yaml a.b=1 +c=2 ~d",
    "run lr=0.1",
    "run --name x config.yaml --tag a --tag b --json",
    "run config.yaml --gpus 1 --gpus device=0",
    "-q --no-color --debug run -d --snapshot --commit HEAD~1 other.yaml",
    "replay",
    "replay latest~1 --trust --trust-runtime --as-recorded --secrets --strict --json",
    "replay latest another",
    "replay --rule m.json:ignore --rule *.npy:content --rules hydra --on local --name x",
    "build",
    "build config.yaml --check --offline --json",
    "worker /p/.reprobox --tasks /p/tasks.jsonl --task 12",
    "worker /p/.reprobox one@sha256:00 two@sha256:11 --task 0",
]
LEFT = [
    "",
    "-q",
    "--version",
    "--help",
    "-C elsewhere run",
    "ls",
    "rnu config.yaml",
    "run --help",
    "run -h",
    "run --json=1",
    "run --name=x",
    "run --name",
    "run --name -x",
    "run --name ''",
    "run ''",
    "run -",
    "run -dq",
    "run config.yaml -- --partition=gpu",
    "run config.yaml --preflight 3",
    "run --notebook n.ipynb",
    "run secret.yaml",
    "replay --format json",
    "replay --budget-steps 3",
    "build config.yaml more.yaml",
    "build --unknown",
    "--json run",
    "worker",
    "worker --tasks t.jsonl --task 1",
    "worker /p --task -1",
    "worker /p --task x",
    "worker /p --task 1.0",
    "worker /p --task 99999999999999999999",
    "worker secret.yaml --task 1",
    "worker /p --tasks secret.yaml",
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in words.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.yaml").touch()
    (tmp_path / "secret.yaml").touch()

    def access(path: str, mode: int, **_more: Any) -> bool:
        return not str(path).endswith("secret.yaml")

    monkeypatch.setattr(os, "access", access)  # the user of the tests may be root


def as_typer_has_it(line: str) -> dict[str, Any]:
    """The parameters that a command line sets, by name."""
    given = shlex.split(line)
    start = next(at for at, word in enumerate(given) if word in LOADED)
    context = LOADED[given[start]].make_context(given[start], given[start + 1 :])
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }


def given_by(found: words.Line | None) -> dict[str, Any]:
    """The parameters as words, as click has them before typer makes paths."""
    assert found is not None
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in found.given.items()
    }


def plain(name: str) -> inspect.Signature:
    module = importlib.import_module(f"reprobox.cli.plain.{name}")
    return inspect.signature(getattr(module, name))


@pytest.mark.parametrize("line", READ)
def test_what_is_read_means_what_typer_says(line: str) -> None:
    assert given_by(words.read(shlex.split(line))) == as_typer_has_it(line)


def test_every_option_in_every_place() -> None:
    for name, row in words.ROWS.items():
        options = [[flag] for flag in row.flags]
        options += [[option, "1"] for option in (*row.values, *row.lists)]
        for one, other in itertools.product(options, options):
            alone = [] if row.needed else [[*one, *other]]
            for line in ([*one, "word", *other], ["word", *one, *other], *alone):
                found = given_by(words.read([name, *line]))
                assert found == as_typer_has_it(shlex.join([name, *line]))


@pytest.mark.parametrize("line", LEFT)
def test_everything_else_is_left_to_typer(line: str) -> None:
    assert words.read(shlex.split(line)) is None


@pytest.mark.parametrize("name", [*words.ENVIRONMENT, "_REPROBOX_COMPLETE", "_RBX_COMPLETE"])
def test_what_the_environment_sets_is_left_to_typer(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "")
    assert words.read(["run"]) is None


@pytest.mark.parametrize("name", words.ROWS)
def test_no_option_of_these_commands_comes_from_the_environment(name: str) -> None:
    assert [one.name for one in LOADED[name].params if one.envvar] == []


def test_the_common_flags_are_those_of_the_program() -> None:
    from typer.main import get_command

    options = [one for one in get_command(app).params if isinstance(one, click.Option)]
    flags = {opt: one.name for one in options for opt in one.opts if one.is_flag}
    assert {opt: name for opt, name in flags.items() if name in words.COMMON.values()} == (
        words.COMMON
    )
    assert {one.envvar for one in options if one.envvar} == set(words.ENVIRONMENT)


@pytest.mark.parametrize("name", words.ROWS)
def test_a_command_has_the_same_defaults_both_ways(name: str) -> None:
    typed = inspect.signature(
        LOADED[name].callback or test_a_command_has_the_same_defaults_both_ways
    )
    first = {key: one.default for key, one in plain(name).parameters.items() if key != "talk"}
    second = {key: one.default for key, one in typed.parameters.items() if key != "ctx"}
    assert first.keys() == second.keys()
    assert {key for key in first if (first[key] or None) != (second[key] or None)} == set()
