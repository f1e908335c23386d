"""The tables of CONTRIBUTING.md, compared with the source: a page that names files must be right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
ROOM = TOP / "reprobox"
NEW = ("NAME", "VENDOR", "room/", "_x.py")
"""What stands for a name that a contributor chooses."""
PLANNED = {"engine/gpu/amd.py"}
"""Of changes that are not marked as done."""
MOST = 3
"""Source files that a format, an engine, a remote, a tracker or a setting may touch."""
IN_PLACES = (
    "a setting of the config",
    "a file format to compare",
    "a lock format",
    "a remote store",
    "a tracker",
    "a GPU vendor",
    "an export format",
)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table with this heading row."""
    lines = (TOP / "CONTRIBUTING.md").read_text().splitlines()
    start = lines.index(heading) + 2
    end = lines.index("", start)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[start:end]]


def paths(cell: str) -> list[str]:
    return [
        path for path in re.findall(r"`([\w/.]+)`", cell) if "/" in path or path.endswith(".py")
    ]


HOW_TO = rows("| what | files |")
CHANGES = rows("| change | room | files |")


def is_there(path: str) -> bool:
    return (ROOM / path).exists() or (TOP / path).exists()


@pytest.mark.parametrize("row", HOW_TO, ids=lambda row: row[0])
def test_every_file_that_is_named_is_there(row: list[str]) -> None:
    named = [path for path in paths(row[1]) if not any(word in path for word in NEW)]
    assert named
    assert [path for path in named if not is_there(path)] == []


@pytest.mark.parametrize("row", HOW_TO, ids=lambda row: row[0])
def test_adding_one_of_a_kind_touches_few_files(row: list[str]) -> None:
    if row[0] in IN_PLACES:
        assert len(paths(row[1])) <= MOST


def test_the_kinds_that_are_counted_are_in_the_table() -> None:
    assert set(IN_PLACES) <= {row[0] for row in HOW_TO}


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: row[0])
def test_the_twelve_changes_name_rooms_and_files_that_are_there(row: list[str]) -> None:
    _, room, files = row
    assert all(is_there(path) for path in paths(room))
    missing = {path for path in paths(files) if not is_there(path)}
    assert missing <= (set() if "(done" in files else PLANNED)
    assert len([path for path in paths(files) if path.endswith(".py")]) <= MOST


def test_there_are_twelve() -> None:
    assert len(CHANGES) == 12


def test_a_limit_of_the_container_is_where_the_table_says() -> None:
    (row,) = [row for row in HOW_TO if "`shm_size`" in row[0]]
    named = {path for path in paths(row[1]) if path.endswith(".py")}
    found = {
        path.relative_to(ROOM).as_posix()
        for path in ROOM.rglob("*.py")
        if re.search(r"\bshm_size\b", path.read_text())
    }
    assert found == named


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "reprobox/ARCHITECTURE.md"])
def test_every_path_of_the_page_is_there(page: str) -> None:
    text = (TOP / page).read_text()
    named = {
        path
        for path in re.findall(r"`([a-z_]+/[\w/.]+\.(?:py|md|json|toml))`", text)
        if not any(word in path for word in NEW)
    }
    assert named
    assert {path for path in named if not is_there(path)} <= PLANNED
