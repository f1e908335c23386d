"""Every command's help page: each argument's and option's help stands in it, and an example."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from reprobox.cli.command_table import COMMANDS, load


def commands() -> Iterator[tuple[str, click.Command]]:
    for row in COMMANDS:
        command = load(row)
        if isinstance(command, click.Group):
            for name, inner in command.commands.items():
                yield f"{row.name} {name}", inner
        else:
            yield row.name, command


ALL = dict(commands())


def page(name: str) -> str:
    with click.Context(ALL[name], info_name=f"reprobox {name}", max_content_width=100) as context:
        return ALL[name].get_help(context)


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_is_explained(name: str) -> None:
    said = words(page(name))
    for param in ALL[name].params:
        explained = getattr(param, "help", None)
        assert explained, f"{name}: {param.name} has no help"
        assert words(explained).split(" [")[0].rstrip(".") in said, f"{name}: {param.name}"
        if isinstance(param, click.Option) and not param.hidden:
            assert all(option in said for option in param.opts)


@pytest.mark.parametrize("name", ALL)
def test_every_page_has_an_example_that_can_be_typed(name: str) -> None:
    example = words(page(name)).partition("Example: ")[2].partition(" Options:")[0]
    typed = example.partition(" Arguments:")[0].strip()
    arguments = shlex.split(typed)
    assert arguments[: 1 + len(name.split())] == ["reprobox", *name.split()], typed
    given = [word for word in arguments[1 + len(name.split()) :] if word not in (">", "|")]
    if ">" in arguments or "|" in arguments:
        at = min(arguments.index(word) for word in (">", "|") if word in arguments)
        given = arguments[1 + len(name.split()) : at]
    ALL[name].make_context(name, given, resilient_parsing=False)


def completed(shell: str, line: str) -> list[str]:
    variables = {
        "_REPROBOX_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": line,
    }
    code = "import sys; sys.argv[0] = 'reprobox'; from reprobox.cli.command_line import app; app(prog_name='reprobox')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_offers_commands_and_options(shell: str) -> None:
    found = " ".join(completed(shell, "reprobox re"))
    assert "replay" in found
    assert "push" not in found
    assert "--dry-run" in " ".join(completed(shell, "reprobox export --d"))


def test_completion_offers_runs(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    os.makedirs(f"{tmp_path}/.reprobox/runs/20261120-153012-brave-otter-3f9c")
    monkeypatch.chdir(str(tmp_path))
    found = completed("bash", "reprobox show ")
    assert found == ["latest", "20261120-153012-brave-otter-3f9c"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_completion_script_is_one_that_the_shell_reads(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not on this machine")
    code = "import sys; sys.argv[0] = 'reprobox'; from reprobox.cli.command_line import app; app(prog_name='reprobox')"
    script = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "_REPROBOX_COMPLETE": f"source_{shell}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "_REPROBOX_COMPLETE" in script
    subprocess.run([shell, "-n"], input=script, text=True, check=True)
