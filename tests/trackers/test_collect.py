"""Files that the real trackers wrote (make.py), read as parameters, metrics and series."""

from __future__ import annotations

from pathlib import Path

from tracker_values import numbers, values_of, write

from reprobox.trackers.collect import Request, read


def test_damaged_files_are_faults_and_nothing_else_is_lost(tmp_path: Path) -> None:
    write(tmp_path, {"m.json": '{"ok": 1}', "events.out.tfevents.1.h": "junk", "mlflow.db": "junk"})
    write(tmp_path, {"run-1/run-1.wandb": "junk", "plots/metrics/x.tsv": "", "log.jsonl": "junk\n"})
    (tmp_path / "deep.json").write_text("[" * 100_000)
    found = values_of(tmp_path)
    assert numbers(found) == {"ok": 1}
    faulty = {fault.partition(":")[0] for fault in found.faults}
    assert {"mlflow.db", "run-1/run-1.wandb", "log.jsonl"} <= faulty


def test_a_file_that_takes_too_much_costs_its_own_run_only(tmp_path: Path) -> None:
    for name, text in (
        ("small", '{"a": 1}'),
        ("large", '{"b": "' + "x" * (60 << 20) + '", "c": 1}'),
    ):
        write(tmp_path / name, {"m.json": text})
    from reprobox.kit.limited_child import Limits

    requests = [
        Request(root=tmp_path / name, files=("m.json",), declared={}) for name in ("small", "large")
    ]
    small, large = read(requests, Limits(memory=100 << 20))
    assert numbers(small) == {"a": 1}
    assert large.values == ()
    assert "reader ended" in large.faults[0] or "MemoryError" in large.faults[0]
