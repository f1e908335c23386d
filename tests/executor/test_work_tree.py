"""Nothing is written through a link of the commit, or out of the work tree."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from harness_runs import an_output

from reprobox.errors import SourceError
from reprobox.executor import work_tree


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x", "link/x", "a/link/x"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "a").mkdir()
    for place in (tmp_path / "link", tmp_path / "a" / "link"):
        place.symlink_to("/tmp")
    with pytest.raises(SourceError, match="leads out of it"):
        work_tree.inside(tmp_path, path)


@pytest.mark.parametrize("path", [".", "a", "a/b/c", "a/./b"])
def test_a_path_inside_is_its_place(tmp_path: Path, path: str) -> None:
    assert work_tree.inside(tmp_path, path) == tmp_path / path


def runs(folder: Path, outputs: list[Any], deleted: tuple[str, ...] = ()) -> Any:
    """The part of the store that is asked."""
    record = SimpleNamespace(observed=SimpleNamespace(deleted=deleted))
    return SimpleNamespace(
        path=lambda _: folder, record=lambda _: (record, ""), outputs=lambda _: outputs
    )


def test_what_a_run_left_is_laid_over_the_commit(tmp_path: Path) -> None:
    kept, work = tmp_path / "run" / "outputs", tmp_path / "work"
    kept.mkdir(parents=True)
    work.mkdir()
    (kept / "model").write_text("new")
    (kept / "latest").symlink_to("model")
    (work / "model").mkdir()  # the commit has a directory where the run left a file
    (work / "model" / "old").write_text("x")
    (work / "gone").write_text("x")
    outputs = [
        an_output("model", b"new", mode=0o755),
        an_output("latest", b"model", kind="link"),
        an_output("empty/dir", b"", kind="dir"),
        an_output("@/tmp/x", b"outside"),
    ]
    work_tree.lay_over(runs(tmp_path / "run", outputs, ("gone", "never/was")), "r", work)
    assert (work / "model").read_text() == "new"
    assert (work / "model").stat().st_mode & 0o777 == 0o755
    assert (work / "latest").readlink() == Path("model")
    assert (work / "empty" / "dir").is_dir()
    assert not (work / "gone").exists()
    assert not (work / "@").exists()


def test_an_output_behind_a_link_of_the_commit_is_refused(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "out").symlink_to(tmp_path)
    with pytest.raises(SourceError):
        work_tree.lay_over(runs(tmp_path, [an_output("out/x")]), "r", work)
    with pytest.raises(SourceError):
        work_tree.lay_over(runs(tmp_path, [], ("out/x",)), "r", work)
