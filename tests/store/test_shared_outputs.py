"""What two runs have alike is on the disk once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from travelling import a_run

from reprobox.store import integrity, output_tree, shared_outputs
from reprobox.store.runs import Runs

BIG = bytes(range(256)) * 400
OUTPUTS = {"model": BIG, "deep/er/model": BIG[::-1], "small": b"x", "link": ("link", b"model")}


def blocks(runs: Runs, *ids: str) -> int:
    """Bytes on the disk, each inode once."""
    seen = {}
    for run in ids:
        for path in (runs.path(run) / "outputs").rglob("*"):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                seen[status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


@pytest.fixture
def two(runs: Runs) -> tuple[str, str]:
    first = a_run(runs, OUTPUTS)
    second = a_run(runs, {**OUTPUTS, "other": BIG}, now=1_795_188_700.0)
    return first, second


def test_identical_outputs_take_no_second_copy(
    runs: Runs, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_outputs, "_cloned", lambda *_: False)
    alone = blocks(runs, two[0])
    other = len(BIG) + 4096
    assert shared_outputs.share(runs, *two) == 2 * len(BIG)
    assert blocks(runs, *two) <= alone + other + 4096
    model = runs.path(two[0]) / "outputs" / "model"
    assert (model.stat().st_nlink, stat.S_IMODE(model.stat().st_mode)) == (2, 0o440)
    assert integrity.check(runs.root).faults == ()
    assert shared_outputs.share(runs, *two) == 0
    runs.remove(two[1])
    assert (model.read_bytes(), model.stat().st_nlink) == (BIG, 1)
    assert integrity.check(runs.root).faults == ()
    assert os.listdir(runs.root / "tmp") == []


def test_a_copy_that_rotted_is_mended_and_not_spread(runs: Runs, two: tuple[str, str]) -> None:
    model = runs.path(two[0]) / "outputs" / "model"
    model.write_bytes(b"?" + BIG[1:])
    shared_outputs.share(runs, *two)
    assert model.read_bytes() == (runs.path(two[1]) / "outputs" / "model").read_bytes() == BIG
    assert integrity.check(runs.root).faults == ()


def test_what_differs_stays(runs: Runs) -> None:
    first = a_run(runs, {"a": BIG, "b": BIG})
    second = a_run(runs, {"a": BIG[::-1], "c": BIG}, now=1_795_188_700.0)
    assert shared_outputs.share(runs, first, second) == 0


def test_an_output_that_is_gone_is_no_failure(runs: Runs, two: tuple[str, str]) -> None:
    (runs.path(two[0]) / "outputs" / "model").unlink()
    assert shared_outputs.share(runs, *two) <= len(BIG)


def test_taking_a_shared_output_gives_a_file_of_its_own(
    runs: Runs, two: tuple[str, str], tmp_path: Path
) -> None:
    shared_outputs.share(runs, *two)
    outputs = runs.outputs(two[0])
    stored = runs.path(two[0]) / "outputs"
    output_tree.take(stored, outputs, tmp_path / "taken", lambda _: None)
    taken = tmp_path / "taken" / "model"
    assert (taken.stat().st_nlink, taken.stat().st_mode & 0o200) == (1, 0o200)
