"""Inputs by content: the manifest, links that lead out of a tree, what counts as the commit's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reprobox.cli.messages import Talk
from reprobox.data import pins
from reprobox.data.pins import Input
from reprobox.errors import InputError
from reprobox.model.runspec import InputPin
from reprobox.model.source import Exported
from reprobox.model.spec import InputIntent
from reprobox.source import commit_content
from reprobox.source.repo import open_repo
from reprobox.store.objects import ObjectStore

TALK = Talk(quiet=True, color=False, debug=False)


def pinned(top: Path, source: str = "data") -> Input:
    return pins.pin(
        InputIntent(path="data", source=source),
        top=top,
        workdir=".",
        objects=ObjectStore(top / "store"),
        progress=TALK,
    )


def old(top: Path, pin: InputPin) -> str | None:
    """Whether a pin of 0.1.0 with this digest is still met."""
    before = InputPin(
        path=pin.path, source=pin.source, kind=pin.kind, digest=pin.digest, size=pin.size
    )
    return pins.check(before, Path(pin.source), ObjectStore(top / "store"), TALK)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "cat").mkdir(parents=True)
    (tmp_path / "data" / "cat" / "1").write_text("a")
    (tmp_path / "data" / "near").symlink_to("cat/1")
    return tmp_path / "data"


def test_an_empty_directory_counts_now_and_did_not_in_0_1(tmp_path: Path, data: Path) -> None:
    before = pinned(tmp_path).pin
    assert old(tmp_path, before) is None
    (data / "dog" / "inner").mkdir(parents=True)
    after = pinned(tmp_path).pin
    assert after.digest != before.digest
    assert (after.files, after.manifest) == (2, 2)
    assert old(tmp_path, before) is None
    assert "has changed" in str(old(tmp_path, after))


def test_links_inside_stay_links(tmp_path: Path, data: Path) -> None:
    kinds = {one.path: (one.kind, one.followed) for one in pinned(tmp_path).seen}
    assert kinds == {"cat/1": ("file", False), "near": ("link", False)}


@pytest.mark.parametrize("absolute", [True, False])
def test_what_is_behind_a_link_that_leads_out_is_pinned(
    tmp_path: Path, data: Path, absolute: bool
) -> None:
    outside = tmp_path / "annex" / "objects"
    outside.mkdir(parents=True)
    (outside / "key").write_text("one")
    (data / "far").symlink_to(outside / "key" if absolute else "../annex/objects/key")
    (data / "folder").symlink_to(outside if absolute else "../annex/objects")
    first = pinned(tmp_path)
    assert {one.path for one in first.seen if one.followed} == {"far", "folder/key"}
    (outside / "key").write_text("two")
    assert pinned(tmp_path).pin.digest != first.pin.digest
    # The same tree without links is the same input.
    (data / "far").unlink()
    (data / "folder").unlink()
    (data / "folder").mkdir()
    for path in ("far", "folder/key"):
        (data / path).write_text("one")
    assert pinned(tmp_path).pin.digest == first.pin.digest


def test_links_that_lead_nowhere_or_around_are_refused_by_name(tmp_path: Path, data: Path) -> None:
    (data / "gone").symlink_to("../annex/missing")
    with pytest.raises(InputError, match="gone") as refused:
        pinned(tmp_path)
    assert "annex get" in str(refused.value.next_step)
    (data / "gone").unlink()
    (data / "around").symlink_to("..")
    with pytest.raises(InputError, match="around"):
        pinned(tmp_path)


def test_two_links_that_lead_to_each_other_are_refused(tmp_path: Path, data: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "back").symlink_to(data)
    (data / "there").symlink_to(other)
    with pytest.raises(InputError, match="back"):
        pinned(tmp_path)


def git(top: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=top, check=True
    )


@pytest.fixture
def repository(tmp_path: Path, data: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("store\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "x")
    return tmp_path


def in_commit(top: Path) -> tuple[Exported, ...]:
    return commit_content.contents(open_repo(top), "HEAD", "data")


def test_the_commits_own_bytes_are_what_an_export_writes(repository: Path) -> None:
    found = pins.of_commit(
        InputIntent(path="data", source="data"),
        in_commit(repository),
        top=repository,
        workdir=".",
        place="data",
    )
    assert found.source is None
    assert (found.pin.tracked, found.pin.place, found.pin.files) == (True, "", 2)
    assert found.pin.digest == pinned(repository).pin.digest
    assert not pins.disagrees(found.pin, in_commit(repository))
    assert pins.disagrees(found.pin, in_commit(repository)[:1])
    elsewhere = pins.of_commit(
        InputIntent(path="/mnt/in", source="data"),
        in_commit(repository),
        top=repository,
        workdir=".",
        place="data",
    )
    assert (elsewhere.pin.path, elsewhere.pin.place) == ("/mnt/in", "data")
    assert not pins.disagrees(elsewhere.pin, in_commit(repository))


def test_what_the_commit_does_not_have_makes_it_the_hosts(repository: Path) -> None:
    data, known = repository / "data", commit_content.names(open_repo(repository), "HEAD", "data")
    assert known == {"data/cat/1", "data/near"}
    assert not pins.holds_others(data, known, "data")
    (data / "dog").mkdir()
    assert pins.holds_others(data, known, "data")
    (data / "dog" / "x").write_text("untracked")
    assert pins.holds_others(data, known, "data")
    (data / "dog" / "x").unlink()
    (data / "dog").rmdir()
    (data / "cat" / "link").symlink_to(data)
    assert pins.holds_others(data, known, "data")


def test_a_fifo_is_refused(tmp_path: Path, data: Path) -> None:
    os.mkfifo(data / "pipe")
    with pytest.raises(InputError, match="pipe"):
        pinned(tmp_path)
