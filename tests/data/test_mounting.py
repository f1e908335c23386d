"""What is mounted for an input is what was hashed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from mounted_inputs import mounted, pinned

from reprobox.data import mounting, relook
from reprobox.errors import InputError


def test_links_that_lead_out_become_files_of_the_run(data: Path) -> None:
    outside = data.parent / "annex"
    outside.mkdir()
    (outside / "key").write_text("behind")
    (data / "far").symlink_to("../annex/key")
    (data / "folder").symlink_to(outside)
    made, run = mounted(data, pinned(data))
    assert made.source == run / "0"
    assert not (made.source / "far").is_symlink()
    assert (made.source / "far").read_text() == (made.source / "folder/key").read_text() == "behind"
    assert os.readlink(made.source / "link") == "a"
    assert (made.source / "empty").is_dir()
    assert relook.look(run) == []
    time.sleep(0.02)
    (outside / "key").write_text("others")
    changed = relook.look(run)
    # A copy of the run's own does not change; a hard link is the file itself.
    same = (made.source / "far").read_text() == "behind"
    assert [one["changed"] for one in changed] == ([] if same else [["far", "folder/key"]])


def test_an_input_that_changes_before_the_start_is_refused(data: Path) -> None:
    outside = data.parent / "key"
    outside.write_text("one")
    (data / "far").symlink_to(outside)
    given = pinned(data)
    time.sleep(0.02)
    outside.write_text("two")
    with pytest.raises(InputError, match="changed while the run was made ready"):
        mounted(data, given)


def test_large_files_behind_links_to_another_file_system_are_refused_by_name(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = Path("/dev/shm") / f"reprobox-test-{os.getpid()}"
    if not far.parent.is_dir() or far.parent.stat().st_dev == data.stat().st_dev:
        pytest.skip("no second file system")
    far.write_text("behind")
    try:
        (data / "far").symlink_to(far)
        made, _ = mounted(data, pinned(data))
        assert (made.source / "far").read_text() == "behind"
        monkeypatch.setattr(mounting, "_MOST_COPIED", 5)
        (data.parent / "run" / "0").rename(data.parent / "before")
        with pytest.raises(InputError, match="far") as refused:
            mounted(data, pinned(data))
        assert str(far.parent) in str(refused.value.next_step)
    finally:
        far.unlink()
