"""Trees deeper than any path may be long, removed and measured with hardly a descriptor to spare."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reprobox.kit import fd_trees
from reprobox.store.collect import collect

NAME = "d" * 50


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """A process that may open little more than it has open already."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def deep(top: Path, levels: int, name: str = NAME) -> None:
    """Directories in each other, each with a file of three bytes."""
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
        file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=fd)
        os.write(file, b"123")
        os.close(file)
    os.close(fd)


@pytest.mark.usefixtures("few_descriptors")
def test_any_depth_is_measured_and_removed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    deep(top, 3000)
    (top / "link").symlink_to("/")
    assert fd_trees.bytes_of(top) == 3 * 3000 + 1
    fd_trees.remove(top)
    assert os.listdir(tmp_path) == []


def test_a_removal_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    top = tmp_path / "top"
    deep(top, 200)
    os.rename(top / NAME / NAME, top / "moved")
    fd_trees.remove(top)
    fd_trees.remove(top)
    assert not top.exists()


def test_two_that_remove_the_same_tree_disturb_neither(tmp_path: Path) -> None:
    for number in range(5):
        top = tmp_path / str(number)
        for name in ("a/b/c", "d/e", "f"):
            (top / name).mkdir(parents=True)
            (top / name / "file").touch()
        gate = threading.Barrier(4)

        def work(place: Path = top, gate: threading.Barrier = gate) -> None:
            gate.wait(60)
            fd_trees.remove(place)

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(work) for _ in range(4)]:
                done.result()
        assert not top.exists()


def test_permissions_that_were_taken_away_and_links_do_not_matter(tmp_path: Path) -> None:
    top, other = tmp_path / "top", tmp_path / "other"
    other.mkdir()
    (other / "stays").touch()
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "b" / "file").touch()
    (top / "a" / "link").symlink_to(other)
    (top / "a" / "b").chmod(0)
    (top / "a").chmod(0o400)
    fd_trees.remove(top)
    assert not top.exists()
    (tmp_path / "link").symlink_to(other)
    fd_trees.remove(tmp_path / "link")
    assert [path.name for path in tmp_path.rglob("*")] == ["other", "stays"]


@pytest.mark.usefixtures("few_descriptors")
def test_what_no_path_could_name_is_refused_and_the_rest_collected(tmp_path: Path) -> None:
    deep(tmp_path / "work", 150)
    found = collect(tmp_path / "work", {}, (), tmp_path / "outputs")
    assert len(found.outputs) == 58
    assert all(
        len(file.path) <= 3000 and (tmp_path / "outputs" / file.path).read_bytes() == b"123"
        for file in found.outputs
    )
    assert found.refused == ("/".join([NAME] * 59) + ": path too long",)


@pytest.mark.usefixtures("few_descriptors")
def test_150_directories_with_short_names_are_all_collected(tmp_path: Path) -> None:
    deep(tmp_path / "work", 150, "d")
    found = collect(tmp_path / "work", {}, (), tmp_path / "outputs")
    assert (len(found.outputs), found.refused) == (150, ())
