"""Event files of TensorBoard."""

from __future__ import annotations

from pathlib import Path

from tracker_values import near, numbers, series, values_of, write


def test_tensorboard(written: Path) -> None:
    found = values_of(written / "tensorboard")
    (loss,) = (one for one in found.series if one.name.endswith("train/loss"))
    assert near(loss.points)
    params = {name.rpartition("/")[2]: value for name, value in numbers(found, "param").items()}
    assert params == {"lr": 0.1, "opt": "sgd", "nesterov": 1.0}
    assert [v for n, v in numbers(found).items() if n.endswith("hparam/acc")] == [0.75]
    assert found.faults == ()


def test_event_files_of_one_directory_follow_each_other(tmp_path: Path, written: Path) -> None:
    """As after a resume: the second file's last value is the run's."""
    (first,) = (written / "tensorboard" / "runs").glob("events.out.tfevents.*.0")
    data = first.read_bytes()
    write(tmp_path, {"config.json": "{}"})
    (tmp_path / "events.out.tfevents.1795811111.vm.1.0").write_bytes(data)
    once = values_of(tmp_path)
    (tmp_path / "events.out.tfevents.1795819999.vm.2.0").write_bytes(data)
    found = values_of(tmp_path, {"loss": "events*#train/loss"})
    (points,) = (one.points for one in found.series if one.name == "train/loss")
    assert points == 2 * series(once)["train/loss"]
    assert numbers(found)["loss"] == numbers(found)["train/loss"] == 0.25
    (source,) = {one.source for one in found.values if one.name == "train/loss"}
    assert source == "events.out.tfevents.1795819999.vm.2.0"
    assert found.faults == ()
