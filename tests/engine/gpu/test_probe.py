"""Whether an engine hands over GPUs, as far as it and its directories say."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from reprobox.engine.gpu import probe
from reprobox.engine.gpu.probe import GpuProbe, cdi_devices
from reprobox.errors import EngineError, GpuUnavailable
from reprobox.kit import canon


def test_cdi_is_found(tmp_path: Path) -> None:
    places = (str(tmp_path / "none"), str(tmp_path))
    assert cdi_devices({}, places) == ()
    (tmp_path / "other.yaml").write_text("kind: vendor.com/net\ndevices:\n- name: eth\n")
    (tmp_path / "nvidia.yaml").write_text(
        "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ncontainerEdits:\n  env: [A=b]\ndevices:\n"
        '- name: "0"\n  containerEdits:\n    deviceNodes:\n    - path: /dev/nvidia0\n- name: all\n'
    )
    devices = [{"name": "GPU-1:0"}, {"containerEdits": {}, "name": "1"}]
    (tmp_path / "more.json").write_text(json.dumps({"kind": "nvidia.com/gpu", "devices": devices}))
    assert cdi_devices({}, places) == (
        "nvidia.com/gpu=GPU-1:0",
        "nvidia.com/gpu=1",
        "nvidia.com/gpu=0",
        "nvidia.com/gpu=all",
        "vendor.com/net=eth",
    )
    said = [{"Source": "cdi", "ID": "nvidia.com/gpu=7"}]
    assert cdi_devices({"DiscoveredDevices": said}, places) == ("nvidia.com/gpu=7",)
    assert cdi_devices({"DiscoveredDevices": None}, places) == ()


class Answers:
    """An engine that is not here, in the place of `Link`: what it says of itself, and how it
    refuses to start a container.
    """

    socket_path = "/nowhere.sock"

    def __init__(
        self, info: dict[str, object], component: str = "Engine", refusal: Exception | None = None
    ) -> None:
        self._info, self._component, self._refusal = info, component, refusal
        self.asked = 0

    def info(self) -> dict[str, object]:
        self.asked += 1
        return self._info

    def version(self) -> dict[str, object]:
        return {"Components": [{"Name": self._component}]}

    def ask(self, method: str, path: str) -> None:
        if self._refusal:
            raise self._refusal


@pytest.mark.parametrize(
    ("info", "component", "offered"),
    [
        ({"Runtimes": {"nvidia": {}}}, "Engine", "nvidia"),
        ({"DiscoveredDevices": [{"ID": "nvidia.com/gpu=0"}]}, "Engine", "cdi"),
        ({"DiscoveredDevices": [{"ID": "nvidia.com/gpu=0"}]}, "Podman Engine", "cdi"),
        ({"DiscoveredDevices": [{"ID": "vendor.com/net=eth"}]}, "Podman Engine", None),
        ({"DiscoveredDevices": [], "Runtimes": {"nvidia": {}}}, "Podman Engine", None),
    ],
)
def test_what_an_engine_says_it_offers(
    info: dict[str, object], component: str, offered: str | None
) -> None:
    engine = Answers(info, component)
    asked = GpuProbe(engine)  # type: ignore[arg-type]
    assert asked.offered() == offered
    assert asked.offered() == offered
    assert engine.asked == 1
    assert asked.known() == tuple(
        str(one["ID"])
        for one in info.get("DiscoveredDevices", [])  # type: ignore[attr-defined]
    )


def test_a_refusal_says_how_gpus_are_handed_over() -> None:
    refused = GpuProbe(Answers({})).refusal("all")  # type: ignore[arg-type]
    assert "`gpus: all`" in refused.what
    assert refused.next_step


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (None, ""),
        (
            GpuUnavailable("no", why="could not select device driver"),
            "could not select device driver",
        ),
        (EngineError("no", why="exec: /no-such-program: not found"), ""),
    ],
)
def test_a_program_that_is_not_found_means_that_the_gpu_was_handed_over(
    refusal: Exception | None, why: str
) -> None:
    assert GpuProbe(Answers({}, refusal=refusal))._start("c") == why  # type: ignore[arg-type]


def test_the_empty_image_is_whole() -> None:
    with tarfile.open(fileobj=io.BytesIO(probe._empty_image("a:b"))) as archive:
        files = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
    config = json.loads(files["config.json"])
    assert config["rootfs"]["diff_ids"] == [canon.digest_bytes(files["layer.tar"])]
    assert json.loads(files["manifest.json"])[0]["RepoTags"] == ["a:b"]
