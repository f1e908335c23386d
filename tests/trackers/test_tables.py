"""Tables of DVCLive and Lightning."""

from __future__ import annotations

from pathlib import Path

from tracker_values import LOSSES, numbers, series, values_of


def test_dvclive(written: Path) -> None:
    found = values_of(written / "dvclive")
    assert series(found)["train/loss"] == LOSSES
    assert numbers(found, "param") == {"lr": 0.1, "opt": "sgd"}


def test_lightning(written: Path) -> None:
    found = values_of(written / "lightning")
    assert [step for step, _ in series(found)["train_loss"]] == [0, 1, 2, 3]
    assert numbers(found, "param") == {"lr": 0.1}
