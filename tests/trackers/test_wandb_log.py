"""The log of W&B offline."""

from __future__ import annotations

from pathlib import Path

from tracker_values import LOSSES, numbers, series, values_of, write


def test_wandb(written: Path) -> None:
    found = values_of(written / "wandb")
    assert series(found)["loss"] == LOSSES
    assert numbers(found)["nested.acc"] == 0.5
    assert {"lr": 0.1, "opt": "sgd"}.items() <= numbers(found, "param").items()


def test_what_wandb_notes_of_the_machine_is_no_metric(tmp_path: Path) -> None:
    files = "wandb/offline-run-20261127_202523-cztmpxs2/files"
    summary = '{"loss": 0.25, "_step": 2, "_runtime": 1.5, "_wandb": {"runtime": 1}}'
    write(
        tmp_path,
        {
            f"{files}/wandb-summary.json": summary,
            f"{files}/wandb-metadata.json": '{"cpu_count": 8, "disk": {"/": {"total": 1}}}',
        },
    )
    assert numbers(values_of(tmp_path)) == {"loss": 0.25}
