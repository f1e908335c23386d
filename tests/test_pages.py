"""The pages: links lead somewhere, lines are short, and what is shown can be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from reprobox.cli.command_table import COMMANDS, load

TOP = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(TOP).as_posix()
    for path in (*TOP.glob("*.md"), *TOP.glob("docs/**/*.md"), TOP / "reprobox/ARCHITECTURE.md")
)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
ROWS = {row.name: row for row in COMMANDS}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", (TOP / page).read_text(), flags=re.DOTALL)
    for target in LINK.findall(text):
        path = target.partition("#")[0]
        if path and "://" not in path:
            assert ((TOP / page).parent / path).exists(), f"{page} links to {target}"


def test_the_forecast_of_a_large_sweep_is_its_scripts(tmp_path: Path) -> None:
    page = tmp_path / "scale.md"
    text = (TOP / "docs" / "scale.md").read_text()
    page.write_text(text.replace("| 10 min |", "| an hour |"))
    words = [sys.executable, str(TOP / "benchmarks" / "scale.py"), "--page", str(page)]
    subprocess.run(words, check=True)
    assert page.read_text() == text
    page.write_text("no table")
    assert subprocess.run(words, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("page", PAGES)
def test_lines_have_at_most_100_columns(page: str) -> None:
    lines = (TOP / page).read_text().splitlines()
    found = [line for line in lines if len(line) > 100 and not line.startswith("|")]
    assert not found


def typed(page: str) -> list[str]:
    """The command lines of a page: in blocks of shell, and in the README's indented blocks."""
    found = re.findall(
        r"^(?:    |\$ |      - run: )(reprobox [a-z].*)$", (TOP / page).read_text(), re.MULTILINE
    )
    return [line.partition("  #")[0].strip() for line in found if not line.endswith(("says", "is"))]


HOW = [page for page in PAGES if page.startswith(("docs/how-to", "docs/tutorial", "docs/index"))]


@pytest.mark.parametrize("page", [*HOW, "README.md"])
def test_the_commands_of_a_page_can_be_typed(page: str) -> None:
    lines = typed(page)
    assert lines or page in ("docs/how-to/notebook.md", "docs/how-to/torch.md")
    for line in lines:
        arguments = shlex.split(line.partition(" && ")[0])[1:]
        if arguments[0] not in ROWS:
            pytest.fail(f"{page}: {line}")
        command = load(ROWS[arguments[0]])
        if not isinstance(command, click.Group):
            command.make_context(arguments[0], arguments[1:])
