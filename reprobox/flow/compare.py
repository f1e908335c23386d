"""diff: two records -> a verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reprobox.flow.box import Box
from reprobox.judge import files
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.verdict import Verdict


def side(box: Box, run_id: str) -> tuple[files.Side, Record]:
    """One side of a comparison, its stored bytes checked against their digests."""
    record, digest = box.runs.record(run_id)
    return files.Side(record=record, digest=digest, outputs=box.runs.outputs(run_id)), record


def compare(box: Box, left_id: str, right_id: str) -> Verdict:
    """Compares every output of two runs by hash, both ways, and looks inside where bytes differ."""
    left, _ = side(box, left_id)
    right, _ = side(box, right_id)

    def path(run_id: str, output: OutputFile) -> Path:
        return box.runs.path(run_id) / "outputs" / output.path

    def pair(one: OutputFile, other: OutputFile) -> tuple[Path, Path]:
        return path(left_id, one), path(right_id, other)

    return replace(files.compare(left, right, pair=pair), checked=box.clock())
