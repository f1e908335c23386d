"""Devices as the Container Device Interface describes them; the driver's files are stand-ins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reprobox.engine.gpu import cdi
from reprobox.errors import GpuUnavailable
from reprobox.model.outcome import Mount

YAML = """\
cdiVersion: 0.5.0
kind: nvidia.com/gpu
containerEdits:
  env: [SHARED=1]
  mounts:
  - {hostPath: /lib/a.so, containerPath: /usr/lib/a.so, options: [ro, bind]}
  deviceNodes: [{path: /dev/nvidiactl}]
devices:
- name: "0"
  containerEdits:
    deviceNodes: [{path: /dev/nvidia0, hostPath: /dev/x0}]
- name: all
  containerEdits:
    env: [ALL=1]
    deviceNodes: [{path: /dev/nvidia0}, {path: /dev/nvidia1}]
    mounts: [{hostPath: /run/s, containerPath: /run/s, options: [rw]}]
"""


def spec(name: str, env: str) -> dict[str, Any]:
    return {
        "cdiVersion": "0.6.0",
        "kind": "nvidia.com/gpu",
        "devices": [{"name": name, "containerEdits": {"env": [env]}}],
    }


def test_devices_and_what_all_of_a_file_share(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(YAML)
    found = cdi.devices([str(tmp_path)])
    assert sorted(found) == ["nvidia.com/gpu=0", "nvidia.com/gpu=all"]
    library = Mount(source="/lib/a.so", target="/usr/lib/a.so")
    control = Mount(source="/dev/nvidiactl", target="/dev/nvidiactl", read_only=False)
    first = cdi.edits("device=0", found)
    assert first.env == ("SHARED=1",)
    assert first.mounts == (library,)
    assert first.nodes == (control, Mount(source="/dev/x0", target="/dev/nvidia0", read_only=False))
    every = cdi.edits("all", found)
    assert every.env == ("SHARED=1", "ALL=1")
    assert [node.target for node in every.nodes] == [
        "/dev/nvidiactl",
        "/dev/nvidia0",
        "/dev/nvidia1",
    ]
    assert not every.mounts[1].read_only


def test_later_directories_win_and_bad_files_are_passed_over(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.json").write_text(json.dumps(spec("0", f"FROM={name}")))
    for bad, text in {
        "y.json": "{",
        "z.yaml": "devices: 5",
        "w.yaml": "- 1",
        "n.txt": YAML,
    }.items():
        (tmp_path / "a" / bad).write_text(text)
    found = cdi.devices([str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "none")])
    assert {name: edits.env for name, edits in found.items()} == {"nvidia.com/gpu=0": ("FROM=b",)}


@pytest.mark.parametrize("asked", ["2", "device=7", "nvidia.com/gpu=9", "device=0,9"])
def test_a_device_that_is_not_there_is_named(tmp_path: Path, asked: str) -> None:
    (tmp_path / "one.yaml").write_text(YAML)
    with pytest.raises(GpuUnavailable, match=r"there is no device nvidia.com/gpu="):
        cdi.edits(asked, cdi.devices([str(tmp_path)]))


def test_a_driver_without_a_specification_is_described(tmp_path: Path) -> None:
    libraries = tmp_path / "usr/lib/x86_64-linux-gnu"
    for folder in (libraries, tmp_path / "dev", tmp_path / "usr/bin"):
        folder.mkdir(parents=True)
    for name in ("nvidia0", "nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / "dev" / name).touch()
    real = libraries / "libcuda.so.580.65"
    real.write_bytes(b"driver")
    (libraries / "libcuda.so.1").symlink_to(real.name)
    (libraries / "libnvidia-ml.so.1").touch()
    (libraries / "libcudart.so.13").touch()
    (libraries / "libcuda.so").symlink_to("gone")
    (tmp_path / "usr/bin/nvidia-smi").touch()
    found = cdi.describe(tmp_path)
    assert [device["name"] for device in found["devices"]] == ["0", "2", "10", "all"]
    mounted = [mount["hostPath"] for mount in found["containerEdits"]["mounts"]]
    place = "/usr/lib/x86_64-linux-gnu"
    assert mounted == [
        f"{place}/libcuda.so.1",
        f"{place}/libcuda.so.580.65",
        f"{place}/libnvidia-ml.so.1",
        "/usr/bin/nvidia-smi",
    ]
    every = cdi.edits("all", cdi.described(tmp_path))
    assert [node.target for node in every.nodes] == [
        *("/dev/nvidiactl", "/dev/nvidia-uvm"),
        *("/dev/nvidia0", "/dev/nvidia2", "/dev/nvidia10"),
    ]
    (tmp_path / "cdi").mkdir()
    (tmp_path / "cdi/own.json").write_text(json.dumps(found))
    assert cdi.devices([str(tmp_path / "cdi")]) == cdi.described(tmp_path)
    assert cdi.described(tmp_path / "cdi") == {}
