"""The whole product on a machine that has torch, a container engine and no network: lock, build, run
with a GPU, replay.

    python benchmarks/gpu_product.py DIRECTORY [--python PYTHON] [--gpus all]

Prints one JSON object; gpu_visit.py takes this as --product. The image's base is an archive of that
interpreter: its program, its standard library and the shared libraries that they need (70 MB, a
second). torch with CUDA's libraries (3 to 6 GB) is a declared input, mounted where the program finds
it: as layers of an image it would be written twice, as an input it is only hashed. The driver's own
libraries come with the device. --gpus '' leaves the device out: a rehearsal.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SITE = "/opt/site"
TRAIN = """
import json
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(3)
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(4),
    torch.nn.Flatten(), torch.nn.Dropout(0.1), torch.nn.Linear(512, 10),
).to(device)
optimizer = torch.optim.Adam(net.parameters(), 1e-3)
data = torch.randn(256, 1, 16, 16).to(device)
labels = (torch.arange(256) % 10).to(device)
for step in range(20):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(data), labels)
    loss.backward()
    optimizer.step()
torch.save(net.state_dict(), "model.pt")
json.dump({"loss": loss.item(), "device": device}, open("metrics.json", "w"))
"""
PLACES = """
import json, os, sys, sysconfig, torch
print(json.dumps({
    "program": os.path.realpath(sys.executable), "library": sysconfig.get_paths()["stdlib"],
    "base": sys.base_prefix, "site": os.path.dirname(os.path.dirname(torch.__file__)),
}))
"""


BESIDE = """
import torch
one = torch.randn(2048, 2048, device="cuda" if torch.cuda.is_available() else "cpu")
while True:
    one = (one @ one).clamp(-1, 1)
"""
"""A process that keeps the device busy."""


def libraries(program: Path) -> Iterator[Path]:
    """Shared libraries that a program or library needs, by ldd."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    for found in re.findall(r"(/\S+)", said):
        if Path(found).is_file():
            yield Path(found)


def wanted(places: dict[str, str]) -> set[Path]:
    """The files of the base: by the names that the interpreter knows them by."""
    library = Path(places["library"])
    files = {
        path
        for path in library.rglob("*")
        if path.is_file()
        and not {"site-packages", "dist-packages", "__pycache__", "test"} & set(path.parts)
    }
    linked = [Path(places["program"]), Path("/bin/sh"), Path("/usr/bin/env")]
    linked += [path for path in files if ".so" in path.name]
    linked += sorted(Path(places["site"], "torch", "lib").glob("*.so*"))
    needed = {one for path in linked for one in libraries(path)}
    return {
        path
        for path in {*files, *linked, *needed}
        if not path.is_relative_to(places["site"]) and path.exists()
    }


def archive(places: dict[str, str], target: Path) -> int:
    """Writes a root file system; how many bytes."""
    with tarfile.open(target, "w") as tar:
        for place in ("tmp", "root", "etc"):
            made = tarfile.TarInfo(place)
            made.type, made.mode = tarfile.DIRTYPE, 0o1777 if place == "tmp" else 0o755
            tar.addfile(made)
        for path in sorted(wanted(places)):
            tar.add(os.path.realpath(path), arcname=str(path).lstrip("/"), recursive=False)
        link = tarfile.TarInfo("usr/local/bin/python")
        link.type, link.linkname = tarfile.SYMTYPE, places["program"]
        tar.addfile(link)
    return target.stat().st_size


def reprobox(project: Path, *words: str, ok: tuple[int, ...] = (0,)) -> tuple[Any, float]:
    """One command in the project: its JSON, and its seconds.

    Raises:
        RuntimeError: it ended with another exit code; what it said.
    """
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "reprobox.cli.main", *words],
        cwd=project,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}".rstrip(":")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in ok:
        raise RuntimeError(f"reprobox {' '.join(words)}: {done.returncode}\n{done.stderr[-1500:]}")
    seconds = round(time.monotonic() - begun, 2)
    return (json.loads(done.stdout) if "--json" in words else done.stdout), seconds


def project_in(directory: Path, places: dict[str, str], gpus: str) -> Path:
    """A repository with a training, its config and the archive beside it."""
    project = directory / "project"
    project.mkdir(parents=True)
    (project / "train.py").write_text(TRAIN)
    (project / "config.yaml").write_text(
        "reprobox:\n"
        "  command: [python, train.py]\n"
        "  environment:\n    base: {archive: base.tar}\n"
        f"  inputs: {{{SITE}: {places['site']}}}\n"
        f"  env: {{PYTHONPATH: {SITE}, PYTHONHOME: {places['base']}}}\n"
        + (f"  gpus: {gpus}\n" if gpus else "")
    )
    (project / ".gitignore").write_text("base.tar\n")
    return project


def commit(project: Path, what: str) -> None:
    """Commits everything that is there."""
    as_user = ["-c", "user.name=visit", "-c", "user.email=visit@example.invalid"]
    if not (project / ".git").exists():
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "add", "-A"], cwd=project, check=True)
    subprocess.run(["git", *as_user, "commit", "-q", "-m", what], cwd=project, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--python", default=os.environ.get("GPU_VISIT_PYTHON", sys.executable))
    parser.add_argument("--gpus", default=os.environ.get("GPU_VISIT_GPUS", "all"))
    options = parser.parse_args()
    asked = subprocess.run(
        [options.python, "-c", PLACES], capture_output=True, text=True, check=True
    )
    places = json.loads(asked.stdout)
    directory = options.directory.resolve()
    project = project_in(directory, places, options.gpus)
    begun = time.monotonic()
    size = archive(places, project / "base.tar")
    found: dict[str, Any] = {"base": {"bytes": size, "seconds": round(time.monotonic() - begun, 2)}}
    commit(project, "A training")
    for word in ("lock", "build"):
        found[word] = {"seconds": reprobox(project, word, "config.yaml")[1]}
    commit(project, "Its lock")
    run, seconds = reprobox(project, "run", "config.yaml", "--json")
    found["run"] = {"seconds": seconds, "id": run["id"]}
    record, _ = reprobox(project, "show", "latest", "--json")
    met = record["record"]["met"]
    found["record"] = {key: met.get(key) for key in ("gpus", "driver", "cpu", "processes")}
    verdict, seconds = reprobox(project, "replay", run["id"], "--json", ok=(0, 1))
    found["replay"] = {"seconds": seconds, "result": verdict["result"]}
    beside = subprocess.Popen([options.python, "-c", BESIDE])
    try:
        verdict, seconds = reprobox(project, "replay", run["id"], "--json", ok=(0, 1))
    finally:
        beside.kill()
        beside.wait()
    found["replay beside another process"] = {"seconds": seconds, "result": verdict["result"]}
    reprobox(project, "get", "latest", "metrics.json", "-o", str(directory / "got"))
    found["metrics"] = json.loads((directory / "got" / "metrics.json").read_bytes())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
