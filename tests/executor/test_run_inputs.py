"""Inputs that are part of the commit: mounted from the exported commit, and from nowhere else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from harness_runs import EMPTY
from image_world import Talk

from reprobox.data.pins import Input
from reprobox.errors import SourceError
from reprobox.executor import run_inputs
from reprobox.kit import canon
from reprobox.model.runspec import InputPin
from reprobox.model.source import Exported

DIGEST = canon.digest_bytes(b"a")
EXPORTED = (Exported(path="data.csv", kind="file", mode=0o644, size=1, sha256=DIGEST),)


def given(path: str, digest: str = DIGEST, **said: Any) -> Input:
    pin = InputPin(path=path, source=path, kind="file", digest=digest, size=1, **said)
    return Input(pin=pin, source=None, seen=())


def laid_out(run: Path, *inputs: Input, talk: Talk | None = None) -> dict[str, str]:
    context: Any = SimpleNamespace(progress=talk or Talk())
    return run_inputs.lay_out(context, run, inputs, EXPORTED)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "work").mkdir(parents=True)
    (tmp_path / "run" / "work" / "data.csv").write_text("a")
    (tmp_path / "run" / "work" / "away").symlink_to("/etc")
    return tmp_path / "run"


def test_it_is_mounted_from_the_exported_commit(run: Path) -> None:
    found = laid_out(run, given("/work/data.csv", manifest=2))
    assert found == {"/work/data.csv": str(run / "work" / "data.csv")}


@pytest.mark.parametrize("path", ["/work/../../etc/passwd", "/work/away/passwd", "/etc/passwd"])
def test_a_record_from_elsewhere_names_no_path_of_this_host(run: Path, path: str) -> None:
    with pytest.raises(SourceError, match="leads out of it"):
        laid_out(run, given(path))


def test_other_bytes_than_the_commit_s_are_refused_and_in_old_records_said(run: Path) -> None:
    with pytest.raises(SourceError, match="pinned with other bytes"):
        laid_out(run, given("/work/data.csv", EMPTY, manifest=2))
    talk = Talk()
    laid_out(run, given("/work/data.csv", EMPTY, manifest=1), talk=talk)
    assert "pinned with other bytes" in talk.notes[0]


def test_nothing_is_looked_at_again_where_nothing_was_noted(run: Path) -> None:
    context: Any = SimpleNamespace(progress=Talk())
    assert run_inputs.look(context, SimpleNamespace(path=run, id="r")) == []  # type: ignore[arg-type]
    assert context.progress.notes == []
