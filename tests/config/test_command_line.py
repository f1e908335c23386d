"""A command in text form: words for a program, or refused where only a shell understands it."""

from __future__ import annotations

import shlex
import subprocess

import pytest
import yaml

from reprobox.config.command_line import shell_syntax, split
from reprobox.config.load import load
from reprobox.errors import ConfigError

NEEDS_A_SHELL = [
    ("python a.py && python b.py", "&&"),
    ("python a.py&&python b.py", "&&"),
    ("python a.py || true", "||"),
    ("python a.py | tee log", "|"),
    ("python a.py |& tee log", "|"),
    ("python a.py; python b.py", ";"),
    ("python a.py > log.txt", ">"),
    ("python a.py >log.txt 2>&1", ">"),
    ("python a.py 2>log.txt", ">"),
    ("python a.py >> log.txt", ">>"),
    ("python a.py < in.txt", "<"),
    ("python a.py <<< text", "<<"),
    ("python a.py &", "&"),
    ("python a.py --day $(date)", "$("),
    ("python a.py --day `date`", "`"),
    ('python a.py --day "`date`"', "`"),
    ('python a.py "$(date)"', "$("),
    ("python a.py $HOME", "$H"),
    ('python a.py "in $HOME"', "$H"),
    ("python a.py $1", "$1"),
    ("(python a.py)", "("),
    ("python a.py # the first one", "#"),
    ("python a.py\npython b.py", "a line break"),
    ("python a.py 'x && y' && z", "&&"),
]
PLAIN = [
    "python a.py --name 'x && y | z > w; `q` $(r) $HOME'",
    'python -c "print(1); print(2 > 1)"',
    r"python a.py \&\& b \> c \$HOME \`x\`",
    'python a.py "a \\$HOME \\` b"',
    "python a.py --pattern=^foo$ a#b model.layers=[1,2] {a:1} *.csv ~/x",
    "python train.py \\\n  --lr 1 \\\n  --epochs 2",
    "python a.py 'a\\\nb'",
    "  python a.py  ",
    "python a.py --url 'http://h/?a=1&b=2'",
]


@pytest.mark.parametrize(("text", "what"), NEEDS_A_SHELL)
def test_what_needs_a_shell_is_refused_and_the_way_that_is_shown_works(
    text: str, what: str
) -> None:
    assert shell_syntax(text) == what
    config = yaml.safe_dump({"reprobox": {"command": text}}).encode()
    with pytest.raises(ConfigError) as caught:
        load(config, config_path="c.yaml", overrides=())
    assert f"{what} needs a shell" in caught.value.why
    way = caught.value.why.split("write `", 1)[1].split("` for a shell", 1)[0]
    spec = load(f"reprobox:\n  {way}\n".encode(), config_path="c.yaml", overrides=())
    assert spec.command == ("sh", "-c", text)


@pytest.mark.parametrize("text", PLAIN)
def test_the_words_of_plain_text_are_those_of_a_shell(text: str) -> None:
    script = f"set -f; HOME='~'; printf '%s\\0' {text.strip()}"
    said = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout
    assert split(text) == said.decode().split("\0")[:-1]


def test_characters_that_a_shell_refuses_inside_a_word_are_plain() -> None:
    assert split("python a.py shape=(3,4)") == ["python", "a.py", "shape=(3,4)"]


def test_what_is_filled_in_is_not_shell_syntax() -> None:
    config = b"x: 'a && b > $c'\nreprobox:\n  command: python t.py ${x} $${HOME} \"$${HOME}\"\n"
    spec = load(config, config_path="c.yaml", overrides=())
    assert spec.command == ("python", "t.py", "a && b > $c", "${HOME}", "${HOME}")


def test_a_list_is_taken_as_it_is() -> None:
    config = b"reprobox:\n  command: [sh, -c, 'a && b > $HOME', '&&', X=1]\n"
    spec = load(config, config_path="c.yaml", overrides=())
    assert spec.command == ("sh", "-c", "a && b > $HOME", "&&", "X=1")


def test_a_variable_before_the_program_is_refused_with_the_setting() -> None:
    with pytest.raises(ValueError, match=r"env: \{LR: 0\.1\}"):
        split("LR=0.1 python t.py")


def test_an_override_of_the_command_is_checked_too() -> None:
    config = b"reprobox:\n  command: x\n"
    with pytest.raises(ConfigError, match=r"reprobox\.command: .*&& needs a shell"):
        load(config, config_path="c.yaml", overrides=["reprobox.command='a && b'"])


def test_quotes_that_do_not_close() -> None:
    with pytest.raises(ValueError, match="closing quotation"):
        split("python 'a")
    assert shlex.join(split("a 'b c'")) == "a 'b c'"
