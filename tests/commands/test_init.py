"""init: a new config, or the section in the script's own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from reprobox.commands.init import init
from reprobox.commands.shared import editor_schema
from reprobox.config.load import load
from reprobox.context import Context
from reprobox.errors import ConfigError, UsageError


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    return Context(start=tmp_path, progress=None)  # type: ignore[arg-type]


def command_of(path: str) -> tuple[str, ...]:
    return load(Path(path).read_bytes(), config_path=path, overrides=()).command


def test_a_new_config_names_a_schema_that_is_there_and_git_ignores(context: Context) -> None:
    Path("conf").mkdir()
    done = init(context, Path("conf/a.yaml"))
    assert not done.added
    first = Path("conf/a.yaml").read_text().splitlines()[0]
    named = Path("conf") / first.partition("$schema=")[2]
    assert json.loads(named.read_text())["properties"]["reprobox"]["required"] == ["command"]
    status = subprocess.run(["git", "status", "--porcelain", "-uall"], capture_output=True)
    assert status.stdout == b"?? conf/a.yaml\n"
    assert command_of("conf/a.yaml") == ("python", "train.py", "a.yaml")


@pytest.mark.parametrize(
    "own",
    [
        b"lr: 0.1  # mine\nmodel:\n  width: 64\n",
        b"lr: 0.1",
        b"lr: 0.1\r\nwhen: 2026-01-01\r\n",
        b"# only a comment\n",
        b"",
        b"---\na: &x {b: yes}\nc: *x\n",
        "\ufeffname: é\n".encode(),
    ],
)
def test_the_scripts_own_config_gets_the_section_and_keeps_its_bytes(
    context: Context, own: bytes
) -> None:
    Path("main.py").touch()
    Path("pyproject.toml").touch()
    Path("config.yaml").write_bytes(own)
    Path("config.yaml").chmod(0o640)
    assert init(context, Path("config.yaml")).added
    made = Path("config.yaml").read_bytes()
    assert made.startswith(own)
    assert (b"\r\n" in made) == (b"\r\n" in own)
    before, after = yaml.safe_load(own) or {}, yaml.safe_load(made)
    section = after.pop("reprobox")
    assert after == before
    assert section["command"] == ["python", "main.py", "config.yaml"]
    assert section["environment"]["requirements"] == "pyproject.toml"
    assert Path("config.yaml").stat().st_mode & 0o777 == 0o640
    with pytest.raises(UsageError, match="has a `reprobox:` section already") as caught:
        init(context, Path("config.yaml"))
    assert caught.value.next_step == "reprobox lock config.yaml"
    assert Path("config.yaml").read_bytes() == made


@pytest.mark.parametrize(
    "own",
    [
        b"{a: 1}\n",
        b"a: 1\n...\n",
        b"  a: 1\n",
        b"note: |\n  a line break here would be a part of the text",
    ],
)
def test_a_config_without_a_place_for_the_section_is_left_alone(
    context: Context, own: bytes
) -> None:
    Path("config.yaml").write_bytes(own)
    with pytest.raises(UsageError, match="has no place") as caught:
        init(context, Path("config.yaml"))
    assert Path("config.yaml").read_bytes() == own
    assert caught.value.next_step == "reprobox init config.reprobox.yaml"
    init(context, Path("config.reprobox.yaml"))


def test_a_file_that_is_no_config_is_refused_with_its_fault(context: Context) -> None:
    Path("config.yaml").write_bytes(b"- a\n")
    with pytest.raises(ConfigError, match="must be a mapping"):
        init(context, Path("config.yaml"))


def test_gitignore_gets_its_lines_once_and_only_when_asked(context: Context) -> None:
    Path(".gitignore").write_bytes(b"__pycache__/\ndata")
    assert init(context, Path("a.yaml")).ignored == ("*.rbx",)
    assert Path(".gitignore").read_bytes() == b"__pycache__/\ndata"
    init(context, Path("b.yaml"), gitignore=True)
    assert Path(".gitignore").read_bytes() == b"__pycache__/\ndata\n*.rbx\n"
    assert init(context, Path("c.yaml"), gitignore=True).ignored == ()


def test_outside_of_a_repository_the_schema_is_next_to_the_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    init(Context(start=tmp_path, progress=None), Path("config.yaml"))  # type: ignore[arg-type]
    assert (tmp_path / ".reprobox/config.schema.json").is_file()


def test_a_schema_that_is_missing_or_old_is_written_again(context: Context) -> None:
    init(context, Path("config.yaml"))
    place = Path(".reprobox/config.schema.json")
    wanted = place.read_bytes()
    for spoil in (place.unlink, lambda: place.write_text("{}")):
        spoil()
        editor_schema.refresh(context, Path("config.yaml"))
        assert place.read_bytes() == wanted
    Path("plain.yaml").write_text("a: 1\n")
    place.unlink()
    editor_schema.refresh(context, Path("plain.yaml"))
    assert not place.exists()


ARGPARSE = """\
import argparse, json, numpy
import helper
p = argparse.ArgumentParser()
p.add_argument("--lr", "-l", type=float, default=1e-5)
p.add_argument("--batch-size", default=32)
p.add_argument("--name", default="a: b")
p.add_argument("--layers", nargs="+", default=3)
p.add_argument("--quick", action="store_true", default=False)
p.add_argument("--resume", default=None)
p.add_argument("--reprobox", default=1)
"""


def test_a_scripts_own_options_become_the_config(context: Context) -> None:
    Path("train.py").write_text(ARGPARSE)
    Path("helper.py").touch()
    done = init(context, Path("config.yaml"))
    assert done.options == ("lr", "batch_size", "name")
    assert done.packages == ("numpy",)
    made = yaml.safe_load(Path("config.yaml").read_text())
    assert made.pop("reprobox")["environment"]["requirements"] == "requirements.txt"
    assert made == {"lr": 1e-5, "batch_size": 32, "name": "a: b"}
    words = ("--lr", "1.0e-05", "--batch-size", "32", "--name", "a: b")
    assert command_of("config.yaml") == ("python", "train.py", *words)


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("import yaml, argparse\np.add_argument('--lr', default=1)", "python train.py config.yaml"),
        ("import argparse\nargparse.ArgumentParser().parse_args()", "python train.py"),
        ("import click\n@click.option('--n', default=-3)\ndef f(n): ...", "python train.py --n -3"),
        ("print('no options')", "python train.py config.yaml"),
        ("this is no Python (", "python train.py config.yaml"),
    ],
)
def test_the_command_that_a_script_needs(context: Context, source: str, command: str) -> None:
    Path("train.py").write_text(source)
    init(context, Path("config.yaml"))
    assert " ".join(command_of("config.yaml")) == command


def test_a_script_without_packages_needs_no_file_of_them(context: Context) -> None:
    Path("train.py").write_text("import json, os.path")
    assert init(context, Path("config.yaml")).packages == ()
    made = yaml.safe_load(Path("config.yaml").read_text())
    assert "requirements" not in made["reprobox"]["environment"]
