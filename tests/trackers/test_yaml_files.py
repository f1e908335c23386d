"""YAML files of trackers: Hydra's."""

from __future__ import annotations

from pathlib import Path

from tracker_values import numbers, values_of


def test_hydra(written: Path) -> None:
    found = values_of(written / "hydra")
    assert numbers(found, "param") == {"lr": 0.5, "model.width": 8, "model.name": "mlp"}
