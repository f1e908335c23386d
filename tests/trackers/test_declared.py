"""Metrics that the config names."""

from __future__ import annotations

from pathlib import Path

from tracker_values import values_of, write

from reprobox.trackers.collect import Value


def test_declared_metrics(tmp_path: Path, written: Path) -> None:
    write(
        tmp_path,
        {"r/metrics.json": '{"test": [{"acc": 0.5}], "a.b": 2}', "log.csv": "step,l\n1,3\n"},
    )
    found = values_of(
        tmp_path,
        {
            "accuracy": "r/metrics.json#$.test[0].acc",
            "dotted": 'metrics.json#$["a.b"]',
            "loss": "log*#l",
            "gone": "absent.json#$.x",
            "none": "r/metrics.json#$.nothing",
            "shape": "metrics.json",
        },
    )
    mine = {one.name: one.value for one in found.values if one.source == ""}
    assert mine == {"accuracy": 0.5, "dotted": 2, "loss": 3}
    assert [fault.partition(":")[0] for fault in found.faults] == ["gone", "none", "shape"]
    events = values_of(written / "tensorboard" / "runs", {"loss": "events*.0#train/loss"})
    assert Value(kind="metric", name="loss", source="", value=0.25) in events.values
