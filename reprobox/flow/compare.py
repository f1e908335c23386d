"""diff: two records -> a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reprobox.flow.box import Box
from reprobox.judge import files
from reprobox.model.outcome import OutputFile
from reprobox.model.verdict import Verdict


def compare(box: Box, left_id: str, right_id: str) -> Verdict:
    """Compares every output of two runs by hash, both ways, and looks inside where bytes differ.

    Raises:
        RunBusy: a run has no record yet.
        StoreDamaged: a record or a manifest is not what was written.
    """
    left, right = (_side(box, run_id) for run_id in (left_id, right_id))

    @contextmanager
    def open_pair(one: OutputFile, other: OutputFile) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        with _path(box, left_id, one).open("rb") as ours, _path(box, right_id, other).open("rb") as theirs:
            yield ours, theirs

    return files.compare(left, right, open_pair=open_pair, now=box.clock())


def _side(box: Box, run_id: str) -> files.Side:
    record, digest = box.runs.record(run_id)
    return files.Side(record=record, digest=digest, outputs=box.runs.outputs(run_id))


def _path(box: Box, run_id: str, output: OutputFile) -> Path:
    return box.runs.path(run_id) / "outputs" / output.path
