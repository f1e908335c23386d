"""A record as an RO-Crate, checked with an independent validator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attest_world import CONTENTS, OUTPUTS, a_record
from crate_validator import complaints

from reprobox.attest import rocrate_export
from reprobox.errors import UsageError


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    for name, data in {
        **{f"outputs/{path}": data for path, data in CONTENTS.items()},
        "record.json": b"{}",
        "stdout": b"out",
    }.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(data)
    return run


@pytest.mark.slow
@pytest.mark.parametrize("code", [0, 3])
def test_the_crate_is_valid_for_an_independent_validator(
    run_directory: Path, tmp_path: Path, code: int
) -> None:
    rocrate_export.write(
        a_record(code=code),
        OUTPUTS,
        run_directory,
        tmp_path / "crate",
        record_bytes=b"{}",
        title="A run",
        license_="https://spdx.org/licenses/MIT",
    )
    assert complaints(tmp_path / "crate") == ""
    found = json.loads((tmp_path / "crate" / "ro-crate-metadata.json").read_text())["@graph"]
    action = next(one for one in found if one["@type"] == "CreateAction")
    assert action["actionStatus"].endswith(
        "CompletedActionStatus" if code == 0 else "FailedActionStatus"
    )
    assert ("error" in action) == (code != 0)


def test_the_same_run_gives_the_same_crate(run_directory: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        rocrate_export.write(
            a_record(),
            OUTPUTS,
            run_directory,
            tmp_path / name,
            title="A run",
            license_="none",
            record_bytes=b"{}",
        )
    one, two = (
        (tmp_path / name / "ro-crate-metadata.json").read_bytes() for name in ("one", "two")
    )
    assert one == two
    assert (tmp_path / "one" / "outputs" / "model.pt").read_bytes() == b"one"


def test_a_crate_replaces_nothing(run_directory: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already"):
        rocrate_export.write(
            a_record(),
            OUTPUTS,
            run_directory,
            tmp_path,
            title="A run",
            license_="none",
            record_bytes=b"{}",
        )
