"""What the debug loop costs: `python benchmarks/debug_loop.py [--pairs 5]`.

`reprobox run --snapshot` of a training with torch, next to plain Python with the same packages
(REPROBOX_TORCH_PYTHON names the interpreter; default .tools/torch), in pairs, with a file edited
before each. The program's own processor time is compared, which the record has for the container
(cgroup) and the shell for plain Python; and the wall time of the whole command. The columns of
`run` are with and without `bytecode: true`, which `reprobox init` writes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
REPROBOX = [sys.executable, "-m", "reprobox.cli.main"]
CONFIG = """\
reprobox:
  command: [python, train.py]
  environment:
    base: debian:bookworm
    python: "3.11"
    requirements: [torch==2.13.0, "numpy==2.4.*", "safetensors==0.8.*"]
    bytecode: {bytecode}
"""
TRAIN = """\
import resource, time
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2000, 64)
y = (x @ torch.randn(64) > 0).float()
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range({epochs}):
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(model(x)[:, 0], y)
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
used = resource.getrusage(resource.RUSAGE_SELF)
print("cpu", used.ru_utime + used.ru_stime)
"""


def cost(command: list[str], cwd: Path) -> tuple[float, float, float]:
    """Seconds: the program's processor time, the command's, and its wall time."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    env = {**os.environ, "PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, env=env)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
    own = next(float(line.split()[1]) for line in done.stdout.splitlines() if "cpu" in line)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return own, used, wall


def project(top: Path, bytecode: bool) -> Path:
    """A repository with the training, locked and built."""
    top.mkdir()
    (top / "config.yaml").write_text(CONFIG.format(bytecode=json.dumps(bytecode)))
    (top / "train.py").write_text(TRAIN.format(epochs=1))
    (top / ".gitignore").write_text("model.pt\n__pycache__/\n")
    subprocess.run(["git", "init", "-q"], cwd=top, check=True)
    for verb in ("lock", "build"):
        env = {**os.environ, "PYTHONPATH": str(TOP)}
        subprocess.run([*REPROBOX, verb], cwd=top, check=True, env=env, stdout=sys.stderr)
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    subprocess.run(["git", "add", "-A"], cwd=top, check=True)
    subprocess.run(["git", *identity, "commit", "-q", "-m", "bench"], cwd=top, check=True)
    return top


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--at", type=Path, help="keep the two projects here")
    options = parser.parse_args()
    python = os.environ.get("REPROBOX_TORCH_PYTHON") or str(TOP / ".tools/torch/bin/python")
    with tempfile.TemporaryDirectory() as scratch:
        at = options.at or Path(scratch)
        tops = {}
        for flag in (True, False):
            top = at / f"bytecode-{flag}"
            tops[flag] = top if top.is_dir() else project(top, flag)
        print("| program | `bytecode` | plain: cpu s | run: its program | ratio | wall ratio |")
        print("|---|---|---|---|---|---|")
        for what, epochs in (("one epoch", 1), ("1,000 epochs", 1000)):
            for flag, top in tops.items():
                pairs = []
                for number in range(options.pairs):
                    text = TRAIN.format(epochs=epochs)
                    (top / "train.py").write_text(f"{text}# edit {time.time_ns()} {number}\n")
                    plain = cost([python, "train.py"], top)
                    pairs.append((plain, cost([*REPROBOX, "run", "--snapshot"], top)))
                own = statistics.median(b[0] / a[0] for a, b in pairs)
                wall = statistics.median(b[2] / a[2] for a, b in pairs)
                a, b = (statistics.median(one[place][0] for one in pairs) for place in (0, 1))
                print(
                    f"| {what} | {flag} | {a:.2f} | {b:.2f} | {own:.2f} | {wall:.2f} |", flush=True
                )


if __name__ == "__main__":
    main()
