"""What lies in a run's `out`: the program could write there too, so it is believed only as far as
it fits.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from reprobox.executor import shim_report

EXIT = {"code": 3, "reason": "exited", "started": 1.0, "finished": 2.0, "duration": 1.0}


def exited(**changes: Any) -> dict[str, Any]:
    return {"format": "reprobox.exit/1", **EXIT, **changes}


def test_how_a_program_ended(tmp_path: Path) -> None:
    (tmp_path / "exit.json").write_text(json.dumps(exited(forwarded=[15])))
    found = shim_report.report(tmp_path)
    assert found is not None
    assert (found.code, found.why, found.told_to_end) == (3, "exited", True)


@pytest.mark.parametrize(
    "value",
    [
        exited(code=256),
        exited(code=-1),
        exited(reason="bored"),
        exited(signal=0),
        exited(started=1e12),
        exited(duration=-1),
        exited(format="reprobox.exit/9"),
        [],
        None,
    ],
)
def test_what_cannot_be_is_no_report(tmp_path: Path, value: Any) -> None:
    (tmp_path / "exit.json").write_text(json.dumps(value))
    assert shim_report.report(tmp_path) is None


def test_a_link_a_pipe_and_a_large_file_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "exit.json"
    assert shim_report.report(tmp_path) is None
    (tmp_path / "real").write_text(json.dumps(exited()))
    path.symlink_to("real")
    assert shim_report.report(tmp_path) is None
    path.unlink()
    os.mkfifo(path)
    assert shim_report.report(tmp_path) is None
    path.unlink()
    path.write_text(json.dumps(exited()) + " " * (1 << 16))
    assert shim_report.report(tmp_path) is None


def test_what_a_container_said_of_itself_and_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "met.json").write_text(json.dumps({"format": "reprobox.met/1"}))
    (tmp_path / "markers").mkdir()
    for name, text in (
        ("2.json", '{"pid": 2}'),
        ("1.json", '{"pid": 1}'),
        ("3.json", '{"pid": "x"}'),
        ("a.txt", ""),
    ):
        (tmp_path / "markers" / name).write_text(text)
    found = shim_report.inside(tmp_path, markers=tmp_path)
    assert [one["pid"] for one in found["processes"]] == [1, 2]
    assert found["refused"] == ["markers/3.json"]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": "other"}', '{"format": "reprobox.met/1", "cpu": 5}']
)
def test_a_document_that_does_not_fit_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "met.json").write_text(text)
    found = shim_report.inside(tmp_path, markers=tmp_path)
    assert found == {"processes": [], "refused": ["met.json"]}
    (tmp_path / "met.json").unlink()
    assert shim_report.inside(tmp_path, markers=tmp_path) == {"processes": []}


def test_of_many_processes_a_bounded_number_is_kept_and_few_are_named(tmp_path: Path) -> None:
    (tmp_path / "markers").mkdir()
    for number in range(300):
        (tmp_path / "markers" / f"{number:03}.json").write_text(json.dumps({"pid": number}))
    found = shim_report.inside(tmp_path, markers=tmp_path)
    assert len(found["processes"]) == 256
    assert len(found["refused"]) == 10
