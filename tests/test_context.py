"""What every command works with: opened when it is needed, and once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reprobox.cli.messages import Talk
from reprobox.context import Context, shared_home
from reprobox.errors import NotARepository


def git(top: Path, *words: str) -> None:
    argv = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
    subprocess.run(argv, cwd=top, check=True, capture_output=True)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    (place / "deep").mkdir(parents=True)
    git(place, "init", "-q")
    git(place, "commit", "-q", "--allow-empty", "-m", "first")
    return place


def context(start: Path) -> Context:
    return Context(start=start, progress=Talk(quiet=True))


@pytest.mark.parametrize(
    ("home", "data", "found"),
    [
        ("/h", "/d", "/h"),
        (None, "/d", "/d/reprobox"),
        (None, None, "HOME/.local/share/reprobox"),
        ("", "", "HOME/.local/share/reprobox"),
    ],
)
def test_where_what_users_share_rests(
    monkeypatch: pytest.MonkeyPatch, home: str | None, data: str | None, found: str
) -> None:
    for name, value in (("REPROBOX_HOME", home), ("XDG_DATA_HOME", data)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert shared_home() == Path(found.replace("HOME", str(Path.home())))


def test_from_within_a_project_its_top_is_found_and_it_is_opened_once(top: Path) -> None:
    one = context(top / "deep")
    assert one.top == top
    assert one.repo is one.repo
    assert one.repo_at(top) is one.repo
    assert one.home == top
    assert one.runs is one.runs
    assert one.runs.root == top / ".reprobox"


def test_outside_of_a_project_nothing_is_opened_until_it_is_asked_for(tmp_path: Path) -> None:
    one = context(tmp_path)
    with pytest.raises(NotARepository):
        _ = one.top


def test_a_linked_work_tree_keeps_its_runs_in_the_main_one(top: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(top, "worktree", "add", "-q", str(linked))
    assert context(linked).top == linked
    assert context(linked).home == top
    own = context(linked)
    (linked / ".reprobox").mkdir()
    (linked / ".reprobox" / "VERSION").write_text("1\n")
    assert own.home in (linked, top)


def test_objects_of_the_project_are_looked_at_before_those_that_are_shared(top: Path) -> None:
    one = context(top)
    shared = one.objects.put_bytes(b"shared")
    assert one.objects.has(shared)
    assert one.all_objects.path(shared).read_bytes() == b"shared"
    assert str(shared_home()) in str(one.all_objects.path(shared))
