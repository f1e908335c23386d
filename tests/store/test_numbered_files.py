"""Numbered documents of a run: one way of writing and listing them, whatever they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from travelling import a_verdict

from reprobox.errors import RunNotFound, StoreDamaged
from reprobox.store import numbered_files, output_manifest, verdict_files


def test_numbers_follow_each_other_and_other_names_are_left_alone(tmp_path: Path) -> None:
    for number in range(3):
        numbered_files.add_numbered(tmp_path, "statements", str(number).encode())
    for name in ("1.json", "0004.txt", "٠٠٠٥.json", ".tmp-0006.json", "0007.json.x"):
        (tmp_path / "statements" / name).write_bytes(b"not ours")
    numbered_files.add_numbered(tmp_path, "statements", b"3")
    found = numbered_files.numbered(tmp_path, "statements")
    assert [path.name for path in found] == ["0001.json", "0002.json", "0003.json", "0004.json"]
    assert [path.read_bytes() for path in found] == [b"0", b"1", b"2", b"3"]


def test_a_number_that_is_taken_is_passed_over(tmp_path: Path) -> None:
    verdict = a_verdict("a" * 20, "b" * 20)
    verdict_files.add(tmp_path, verdict)
    (tmp_path / "verdicts" / "0001.json").rename(tmp_path / "verdicts" / "0002.json")
    assert verdict_files.add(tmp_path, verdict).name == "0003.json"
    assert [verdict_files.read(path) for path in verdict_files.paths(tmp_path)] == [
        verdict,
        verdict,
    ]


def test_nothing_is_written_for_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound):
        numbered_files.add_numbered(tmp_path / "gone", "statements", b"{}")
    with pytest.raises(RunNotFound):
        verdict_files.add(tmp_path / "gone", a_verdict("a" * 20, "b" * 20))
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    "line", [b"[" * 100_000, b"9" * 5000, b'{"path": "\\ud800"}', b"\xff", b"null"]
)
def test_a_hostile_manifest_is_damage_and_nothing_else(line: bytes) -> None:
    """What checks a run from elsewhere expects nothing else of it."""
    head = output_manifest.outputs_manifest(())
    for data in (line + b"\n", head + line + b"\n"):
        with pytest.raises(StoreDamaged):
            output_manifest.read_manifest(data)
