"""cluster.yaml: what every job of a user asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.config import cluster
from reprobox.config.cluster import SlurmSettings
from reprobox.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REPROBOX_CLUSTER", str(tmp_path / "cluster.yaml"))
    return tmp_path / "cluster.yaml"


def test_every_setting_is_read(path: Path) -> None:
    path.write_text(
        "slurm:\n  partition: gpu\n  account: lab\n  time: 2-12:00:00\n"
        "  options: [--qos=low, -C a100]\n  python: /venv/bin/python\n"
    )
    assert cluster.read() == SlurmSettings(
        partition="gpu",
        account="lab",
        time="2-12:00:00",
        options=("--qos=low", "-C a100"),
        python="/venv/bin/python",
    )


@pytest.mark.parametrize("text", ["", "\n  \n", "slurm:\n", "slurm: {}\n"])
def test_a_file_that_says_nothing_asks_for_nothing(path: Path, text: str) -> None:
    path.write_text(text)
    assert cluster.read() == SlurmSettings()


@pytest.mark.parametrize("time", ["90", "90:00", "4:00:00", "2-12", "2-12:30", "unlimited"])
def test_times_as_sbatch_takes_them(path: Path, time: str) -> None:
    path.write_text(f'slurm: {{time: "{time}"}}\n')
    assert cluster.read().time == time


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("slurm: {time: 4h}", "write it as sbatch does"),
        ("slurm: {partition: a b}", "write one word"),
        ("slurm: {options: qos=low}", "begins with -"),
        ("slurm: {partiton: gpu}", "partition"),
        ("slrm: {}", "slurm"),
        ("slurm: [gpu]", "expected a mapping"),
        ("slurm: {", "cluster.yaml"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(path: Path, text: str, why: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        cluster.read()
    assert why in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_named_file_that_is_absent_is_an_error_and_the_usual_one_is_not(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        cluster.read()
    monkeypatch.delenv("REPROBOX_CLUSTER")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert cluster.path() == tmp_path / "reprobox/cluster.yaml"
    assert cluster.read() == SlurmSettings()
