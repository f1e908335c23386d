"""An interpreter with torch for the tests that need one, and programs run under the payload without
a container.

REPROBOX_TORCH_PYTHON names an interpreter with torch, numpy and safetensors; without it one is made
in .tools/torch and kept. REPROBOX_JAX_PYTHON is the same for jax (.tools/jax).
REPROBOX_TENSORFLOW_PYTHON names one with tensorflow (none is made: its size).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from reprobox.kit import files, proc
from reprobox.model.spec import Trail
from reprobox.runtime import profiles

ROOT = Path(__file__).parents[2]
PAYLOAD = ROOT / "reprobox" / "runtime" / "payload"
WORKLOADS = ROOT / "benchmarks" / "determinism_workloads.py"
PACKAGES = ("torch==2.13.0", "numpy==2.4.*", "safetensors==0.8.*")
JAX_PACKAGES = ("jax==0.10.*", "jaxlib==0.10.*", "numpy==2.4.*")
FORMATS_PACKAGES = (
    *("numpy==2.4.*", "tensorboard", "pandas", "pyarrow", "h5py", "joblib", "pillow"),
    *("scikit-learn", "safetensors==0.8.*", "onnx", "gguf", "pyyaml"),
)
TENSORFLOW = os.environ.get("REPROBOX_TENSORFLOW_PYTHON")
_FORMATS = os.environ.get("REPROBOX_FORMATS_PYTHON")
_JAX = os.environ.get("REPROBOX_JAX_PYTHON")
_NAMED = os.environ.get(
    "REPROBOX_TORCH_PYTHON"
)  # read now: the fixtures hide REPROBOX_ variables from the tests
_PATH = os.environ.get("PATH", "/usr/bin:/bin")


@cache
def torch_python() -> Path:
    """The interpreter; built once where there is none."""
    return Path(_NAMED) if _NAMED else _made("torch", PACKAGES)


@cache
def jax_python() -> Path:
    """The one with jax; built once where there is none (12 seconds, half a gigabyte)."""
    return Path(_JAX) if _JAX else _made("jax", JAX_PACKAGES)


@cache
def formats_python() -> Path:
    """One with the libraries that write the formats of outputs, and the torch of `torch_python`."""
    if _FORMATS:
        return Path(_FORMATS)
    python = _made("formats", FORMATS_PACKAGES)
    _with(python, "wandb", "wandb>=0.28")
    asked = [torch_python(), "-c", "import torch; print(torch.__path__[0])"]
    done = proc.run([python, "-c", "import site; print(site.getsitepackages()[0])"])
    there = proc.run(asked)
    assert done.ok, done.error_text
    assert there.ok, there.error_text
    link = Path(done.out.decode().strip()) / "torch_of_the_other.pth"
    link.write_text(f"{Path(there.out.decode().strip()).parent}\n")
    return python


def _made(name: str, packages: tuple[str, ...]) -> Path:
    home = ROOT / ".tools" / name
    with files.locked(ROOT / ".tools" / f"{name}.lock"):  # several test processes share it
        if not (home / "ready").exists():
            shutil.rmtree(home, ignore_errors=True)
            _do([sys.executable, "-m", "venv", home])
            python = home / "bin" / "python"
            # pip also finds a torch that lies on the disk; uv takes a tenth of the time for the rest.
            if any(package.startswith("torch==") for package in packages):
                _do([python, "-m", "pip", "install", "--quiet", *packages])
            else:
                _installed(python, *packages)
            (home / "ready").touch()
    return home / "bin" / "python"


def _with(python: Path, name: str, package: str) -> None:
    """One package more, in an environment that may have been made before it was asked for."""
    with files.locked(ROOT / ".tools" / "formats.lock"):
        if not proc.run([python, "-c", f"import {name}"]).ok:
            _installed(python, package)


def _installed(python: Path, *packages: str) -> None:
    _do([sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, *packages])


def _do(argv: list[str | Path]) -> None:
    done = proc.run(argv)
    assert done.ok, done.error_text


def emulator() -> str:
    """qemu-x86_64, which scripts/setup --tests provides."""
    found = shutil.which("qemu-x86_64", path=f"{_PATH}:{ROOT / '.tools' / 'usr' / 'bin'}")
    assert found, "qemu-user is missing: run scripts/setup --tests"
    return found


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A program that ran under the payload."""

    code: int
    out: str
    err: str
    directory: Path
    markers: list[dict[str, Any]] = field(default_factory=list)

    def json(self) -> Any:
        """What it printed."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    def marker(self) -> dict[str, Any]:
        """The marker of the only process."""
        assert len(self.markers) == 1, self.markers
        return self.markers[0]


def under(
    directory: Path,
    *argv: str | Path,
    profile: str = "same-machine",
    seed: int = 7,
    threads: int = 1,
    trail: Trail | None = None,
    also: tuple[str, ...] = (),
    as_recorded: dict[str, str] | None = None,
    cpu: str | None = None,
    python: Path | None = None,
    stdin: bytes | None = None,
    python_path: str = "",
    **extra: str,
) -> Ran:
    """Runs `python argv...` with the whole environment of a profile and the payload first on
    PYTHONPATH.

    Args:
        directory: becomes the working directory; markers and trail go to `out` in it.
        cpu: a CPU model of the emulator; None runs natively.
    """
    out = directory / "out"
    out.mkdir(parents=True, exist_ok=True)
    env = profiles.env(
        profile,
        seed=seed,
        threads=threads,
        commit_time=1_700_000_000,
        trail=trail or Trail(),
        also=also,
        as_recorded=as_recorded,
        python_path=python_path,
        box=str(PAYLOAD),
        out=str(out),
    )
    before = {path.name for path in out.glob("markers/*.json")}
    prefix = [emulator(), "-cpu", cpu] if cpu else []
    done = proc.run(
        [*prefix, python or torch_python(), *argv],
        cwd=directory,
        env=env | {"PATH": _PATH} | extra,
        stdin=stdin,
    )
    markers = [
        json.loads(path.read_text())
        for path in sorted(out.glob("markers/*.json"))
        if path.name not in before
    ]
    return Ran(
        code=done.code,
        out=done.out.decode(),
        err=done.err.decode("utf-8", "replace"),
        directory=directory,
        markers=markers,
    )
