"""--gpus, as far as it goes without a GPU: an engine of our own that finds a stub of NVIDIA's hook
on its PATH.

That hook is all that Docker looks for; it gets the container's configuration, and with it what was
asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from images_of_our_own import chunks
from second_engine import SecondEngine

from reprobox.engine.docker import DockerEngine
from reprobox.engine.gpu.nvidia import required
from reprobox.engine.gpu.vendor import older
from reprobox.errors import GpuUnavailable
from reprobox.model.outcome import Container

HOOK = """#!/bin/sh
bundle=$(cat | sed 's/.*"bundle":"\\([^"]*\\)".*/\\1/')
cat "$bundle/config.json" >> "{log}"
echo >> "{log}"
"""
TAG = "reprobox-tests/tiny:gpu"


def stub(directory: Path, text: str) -> Path:
    """A directory with the hook in it."""
    directory.mkdir()
    hook = directory / "nvidia-container-runtime-hook"
    hook.write_text(text)
    hook.chmod(0o755)
    return directory


def asked(log: Path) -> dict[str, str]:
    """What the hook was asked for, from the last container's environment."""
    config: dict[str, Any] = json.loads(log.read_text().splitlines()[-1])
    pairs = [text.split("=", 1) for text in config["process"]["env"]]
    return {name: value for name, value in pairs if name.startswith("NVIDIA")}


def container(name: str, gpus: str) -> Container:
    return Container(
        image=TAG,
        argv=("sh", "-c", "exit 5"),
        name=name,
        gpus=gpus,
        user="1000:1000",
        labels={"reprobox-tests": name},
    )


@pytest.mark.engine
def test_requests_arrive(
    tmp_path: Path, second_engine: Callable[..., SecondEngine], tiny_archive: Callable[[str], bytes]
) -> None:
    log = tmp_path / "hook.log"
    engine = second_engine(first_on_path=stub(tmp_path / "bin", HOOK.format(log=log))).engine
    assert engine.gpus_offered() == "nvidia"
    assert engine.chains() == []
    engine.load(chunks(tiny_archive(TAG)))
    for number, (gpus, visible, capabilities) in enumerate(
        [
            ("all", "all", "compute,utility"),
            ("1", "0", "compute,utility"),
            ("2", "0,1", "compute,utility"),
            ("device=0", "0", "compute,utility"),
            ("device=0,1", "0,1", "compute,utility"),
            ('"device=GPU-1a,MIG-2b",capabilities=utility', "GPU-1a,MIG-2b", "utility"),
        ]
    ):
        made = engine.create(container(f"gpu-{number}", gpus))
        engine.start(made)
        assert engine.wait(made, 30).exit_code == 5
        met = asked(log)
        assert met["NVIDIA_VISIBLE_DEVICES"] == visible, gpus
        assert set(met.get("NVIDIA_DRIVER_CAPABILITIES", capabilities).split(",")) <= {
            "compute",
            "utility",
        }
        if "capabilities" in gpus:
            assert met["NVIDIA_DRIVER_CAPABILITIES"] == capabilities


@pytest.mark.engine
def test_a_driver_that_fails(tmp_path: Path, second_engine: Callable[..., SecondEngine]) -> None:
    """The toolkit is installed and finds no GPU."""
    text = "#!/bin/sh\necho 'nvidia-container-cli: initialization error: nvml error: driver not loaded' >&2\nexit 1\n"
    engine = second_engine(first_on_path=stub(tmp_path / "bin", text)).engine
    assert engine.gpus_offered() is None
    with pytest.raises(GpuUnavailable, match="driver not loaded"):
        engine.create(container("gpu", "all"))
    assert engine.find({}) == []
    assert engine.chains() == []


@pytest.mark.engine
def test_an_engine_without_gpus_says_so_before_anything_is_created(
    engine: DockerEngine, tiny_image: str
) -> None:
    assert engine.gpus_offered() is None
    for gpus in ("all", "device=0", "nvidia.com/gpu=all"):
        with pytest.raises(GpuUnavailable) as caught:
            engine.create(container("reprobox-tests-gpu", gpus))
        assert "could not select device driver" in caught.value.why
        assert "NVIDIA Container Toolkit" in caught.value.next_step
    assert engine.find({"reprobox-tests": "reprobox-tests-gpu"}) == []
    assert engine.chains("reprobox.probe") == []


@pytest.mark.parametrize(
    ("packages", "driver"),
    [
        ([("torch", "2.4.0+cu124")], "525.60.13"),
        ([("nvidia-cuda-runtime-cu11", "11.8.89"), ("torch", "2.4.0")], "450.80.02"),
        ([("nvidia-cuda-runtime", "13.0.48"), ("torch", "2.11.0+cu130")], "580.65.06"),
        ([("torch", "2.4.0+cpu"), ("numpy", "1.26")], None),
        ([("cupy-cuda12x", "13.0"), ("cucumber", "1+cu9")], None),
    ],
)
def test_the_driver_that_a_lock_needs(packages: list[tuple[str, str]], driver: str | None) -> None:
    found = required(packages)
    assert (found.driver if found else None) == driver


def test_versions_of_drivers_are_numbers() -> None:
    assert older("450.80.02", "525.60.13")
    assert older("525.60.13", "525.125.06")
    assert not older("580.65.06", "580.65.06")
