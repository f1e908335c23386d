"""All that is to be measured on a machine with a GPU, in one go of at most eight minutes.

    python benchmarks/gpu_visit.py --out report.json                      there
    python benchmarks/gpu_visit.py --device cpu --steps 2 --runs 2 ...    a rehearsal without a GPU
    python benchmarks/gpu_visit.py --table report.json [OTHER.json]       the tables for docs

--python names an interpreter with torch; this program itself needs reprobox's own dependencies.
The parts are in the order of their worth. Each is written to the report as soon as it ends, fails or
has no time left, so that the report has every part whatever happens. Two reports, of two cards, are
compared digest by digest.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reprobox.judge import trail
from reprobox.kit import files
from reprobox.model.spec import Trail
from reprobox.runtime import profiles

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAYLOAD = ROOT / "reprobox" / "runtime" / "payload"
PROGRAM = HERE / "gpu_visit_program.py"
WAYS = {
    "observe": ("observe", "free"),
    "seeds only": ("observe", "seeded"),
    "same-machine": ("same-machine", "seeded"),
}
"""What is fixed, to the profile and the program's own seed."""
PASSED = ("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
SWITCHES = ("mamba_ssm", "causal_conv1d", "vllm", "flash_attn", "transformer_engine")
"""Packages with switches of their own for deterministic kernels."""


class Visit:
    """One go: its options, its clock, and the report so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.began = time.monotonic()
        self.report: dict[str, Any] = {"format": "reprobox.gpu-visit/1", "device": options.device}

    def left(self) -> float:
        """Seconds left."""
        return float(self.options.seconds - (time.monotonic() - self.began))

    def keep(self, name: str, part: Mapping[str, Any]) -> None:
        """Puts a part into the report, and the report on the disk."""
        self.report[name] = dict(part)
        files.replace(self.options.out, json.dumps(self.report, indent=1).encode())

    def torch(
        self,
        *argv: str | Path,
        profile: str,
        out: Path,
        launcher: Sequence[str] = (),
        also: tuple[str, ...] = (),
        tracked: bool = False,
    ) -> dict[str, Any]:
        """Runs a program with torch under a profile's environment; what its last line says.

        Raises:
            RuntimeError: it failed; the last lines that it wrote.
            subprocess.TimeoutExpired: no time was left.
        """
        out.mkdir(parents=True, exist_ok=True)
        asked = profiles.env(
            profile,
            seed=7,
            threads=1,
            commit_time=0,
            trail=Trail(enabled=True, every=1) if tracked else Trail(),
            also=also,
            box=str(PAYLOAD),
            out=str(out),
        )
        kept = {name: os.environ[name] for name in PASSED if name in os.environ}
        done = _ended(
            [str(word) for word in (self.options.python, *launcher, *argv)],
            env={**kept, **asked, "HOME": str(out)},
            cwd=out,
            seconds=max(self.left(), 1),
        )
        lines = done.stdout.decode(errors="replace").splitlines()
        if done.returncode or not lines:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise RuntimeError(" / ".join(said[-3:])[:600] or f"exit code {done.returncode}")
        return dict(json.loads(lines[-1]))


def _ended(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """As subprocess.run; a program that takes longer ends with all that it started, so that no rank
    of it holds the card or writes on.
    """
    with subprocess.Popen(
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        try:
            out, err = child.communicate(timeout=seconds)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(argv, child.returncode, out, err)


def machine(visit: Visit, place: Path) -> dict[str, Any]:
    """What reprobox finds of the card, and what torch says of itself."""
    ask = (
        "import json, torch; c = torch.cuda; n = c.device_count(); "
        "p = c.get_device_properties(0) if n else None; "
        "print(json.dumps({'torch': torch.__version__, 'cuda': torch.version.cuda, 'count': n, "
        "'name': p and p.name, 'sm': p and p.multi_processor_count, 'memory': p and p.total_memory,"
        " 'capability': n and c.get_device_capability(0), "
        "'cudnn': torch.backends.cudnn.version(), 'python': __import__('sys').version}))"
    )
    doctor = subprocess.run(
        [sys.executable, "-m", "reprobox.cli.main", "doctor", "--gpu", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "REPROBOX_HOME": str(place / "home")},
        cwd=place,
        capture_output=True,
        timeout=120,
        check=False,
    )
    try:
        found = json.loads(doctor.stdout)
    except ValueError:
        found = {"error": doctor.stderr.decode(errors="replace")[-600:]}
    smi = shutil.which("nvidia-smi")
    listed = subprocess.run([smi, "-q"], capture_output=True, check=False).stdout if smi else b""
    return {
        "torch": visit.torch("-c", ask, profile="observe", out=place / "torch"),
        "doctor": found,
        "nvidia-smi": listed.decode(errors="replace")[:20000] or "not there",
        "processors": os.cpu_count(),
    }


def product(visit: Visit, place: Path) -> dict[str, Any]:
    """Lock, build, run and replay through the command line, where there is an engine."""
    script = visit.options.product
    if not script:
        return {"left out": "no --product: there is no container engine here"}
    done = _ended(
        [
            *(sys.executable, os.path.abspath(script), str(place / "product")),
            *("--python", visit.options.python),
        ],
        env=os.environ,
        cwd=place,
        seconds=max(visit.left(), 1),
    )
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        raise RuntimeError((text + done.stderr.decode(errors="replace"))[-1200:])
    return dict(json.loads(text.splitlines()[-1]))


def determinism(visit: Visit, place: Path) -> dict[str, Any]:
    """Each net under each way of WAYS: distinct results, and the median step."""
    options = visit.options
    found: dict[str, Any] = {}
    for way, (profile, seeding) in WAYS.items():
        runs = [
            visit.torch(
                *(PROGRAM, "nets", options.device, str(options.steps), seeding),
                profile=profile,
                out=place / way / str(number),
            )
            for number in range(options.runs)
        ]
        found[way] = {net: _of_runs([run[net] for run in runs]) for net in runs[0]}
        visit.keep("determinism", {"runs": options.runs, "ways": found})
    return {"runs": options.runs, "steps": options.steps, "ways": found}


def _of_runs(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    errors = sorted({run["error"] for run in runs if "error" in run})
    if errors:
        return {"error": errors[0]}
    digests = sorted({run["digest"] for run in runs})
    return {
        "distinct": len(digests),
        "digests": digests,
        "ms": statistics.median(run["ms"] for run in runs),
    }


def operations(visit: Visit, place: Path) -> dict[str, Any]:
    """torch's own list of nondeterministic operations, twice under each of two profiles."""
    device = visit.options.device.partition(":")[0]
    found: dict[str, Any] = {}
    for profile in ("observe", "same-machine"):
        first, second = (
            visit.torch(
                *(HERE / "determinism_operations.py", "run", device),
                profile=profile,
                out=place / profile / str(number),
            )
            for number in range(2)
        )
        found[profile] = {
            entry: first[entry] if first[entry] == second[entry] else "differs" for entry in first
        }
    return {
        "under same-machine": _sorted_out(found["same-machine"]),
        "under observe": _sorted_out(found["observe"]),
        "entries": found,
    }


def _sorted_out(found: Mapping[str, str]) -> dict[str, int]:
    refused = sum(value.startswith("refused") for value in found.values())
    differs = sum(value == "differs" for value in found.values())
    return {"same": len(found) - refused - differs, "refused": refused, "differs": differs}


def trail_hash(visit: Visit, place: Path) -> dict[str, Any]:
    """Equal fingerprints for equal bits on the CPU and the device, and the cost there."""
    device = visit.options.device
    return visit.torch(PROGRAM, "trail", device, profile="observe", out=place / "trail")


def graphs(visit: Visit, place: Path) -> dict[str, Any]:
    """torch.compile and CUDA graphs, twice under same-machine."""
    options = visit.options
    first, second = (
        visit.torch(
            *(PROGRAM, "graphs", options.device, str(options.steps)),
            profile="same-machine",
            out=place / str(number),
        )
        for number in range(2)
    )
    return {name: _of_runs([first[name], second[name]]) for name in first}


def ranks(visit: Visit, place: Path) -> dict[str, Any]:
    """Two processes on one device, and FSDP of one rank: equal trails, aligned by rank."""
    device = visit.options.device
    fastest = "nccl" if device.startswith("cuda") else "gloo"
    asked = {
        "ddp, gloo": ("gloo", "ddp", 2),
        "ddp": (fastest, "ddp", 2),
        "fsdp": (fastest, "fsdp", 1),
    }
    return {
        name: _kept(lambda one=one, name=name: _two(visit, place / name, *one))
        for name, one in asked.items()
    }


def _two(visit: Visit, place: Path, backend: str, kind: str, count: int) -> dict[str, Any]:
    outs = []
    for number in range(2):
        out = place / str(number)
        visit.torch(
            *(PROGRAM, "ranks", visit.options.device, backend, kind),
            profile="same-machine",
            out=out,
            launcher=("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"),
            also=("collectives",),
            tracked=True,
        )
        outs.append(out)
    found = trail.compare_runs(*outs)
    if found is None:
        raise RuntimeError("no trail was written")
    return {"state": found.state, "steps": found.compared, "why": found.why, "step": found.step}


def switches(visit: Visit, place: Path) -> dict[str, Any]:
    """Which packages with switches of their own are there."""
    ask = (
        "import importlib.metadata as m, json\n"
        f"print(json.dumps({{n: next((d.version for d in m.distributions() if (d.metadata['Name'] or"
        f" '').replace('-', '_').lower() == n), None) for n in {SWITCHES!r}}}))"
    )
    return visit.torch("-c", ask, profile="observe", out=place)


def _kept(work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    try:
        return dict(work())
    except subprocess.TimeoutExpired:
        return {"left out": "no time was left"}
    except Exception as error:  # one part's failure must not lose the others
        return {"error": f"{type(error).__name__}: {error}"[:1500]}


PARTS: tuple[tuple[str, Callable[[Visit, Path], Mapping[str, Any]]], ...] = (
    ("machine", machine),
    ("product", product),
    ("determinism", determinism),
    ("operations", operations),
    ("trail", trail_hash),
    ("graphs", graphs),
    ("ranks", ranks),
    ("switches", switches),
)
"""In the order of their worth."""


def tables(report: Mapping[str, Any], other: Mapping[str, Any] | None) -> list[str]:
    """The report in Markdown: what differs between runs, the price, and what another card gives."""
    found = report["determinism"].get("ways", {})
    runs = report["determinism"].get("runs", 0)
    head = [
        "net",
        *(f"{way}: distinct of {runs}" for way in WAYS),
        *("step, same-machine", "price over observe", "other card"),
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for net in found.get("same-machine", {}):
        cells = [found[way].get(net, {}) for way in WAYS]
        fixed, free = cells[-1], cells[0]
        priced = "ms" in fixed and "ms" in free
        price = f"{100 * (fixed['ms'] / free['ms'] - 1):+.0f} %" if priced else ""
        lines.append(
            f"| {net} | "
            + " | ".join(str(cell.get("distinct", cell.get("error", "")))[:80] for cell in cells)
            + f" | {fixed.get('ms', 0):.2f} ms | {price} | {_against(other, net, fixed)} |"
        )
    return lines


def _against(other: Mapping[str, Any] | None, net: str, mine: Mapping[str, Any]) -> str:
    if other is None:
        return ""
    theirs = other["determinism"]["ways"]["same-machine"].get(net, {})
    if "digests" not in mine or "digests" not in theirs:
        return "not compared"
    return "the same bits" if mine["digests"] == theirs["digests"] else "other bits"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="interpreter with torch")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=480, help="for all parts together")
    parser.add_argument("--product", help="gpu_product.py, where there is an engine")
    parser.add_argument("--only", action="append", help="a part; may be repeated")
    parser.add_argument("--out", type=Path, default=Path("gpu-visit.json"))
    parser.add_argument("--table", type=Path, nargs="+", help="print reports; run nothing")
    options = parser.parse_args()
    if options.table:
        reports = [json.loads(path.read_bytes()) for path in options.table]
        print("\n".join(tables(reports[0], reports[1] if len(reports) > 1 else None)))
        return
    options.python = os.path.abspath(shutil.which(options.python) or options.python)
    options.out = options.out.resolve()
    visit = Visit(options)
    # A directory that cannot be removed must not lose the report.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        for name, part in PARTS:
            if options.only and name not in options.only:
                visit.keep(name, {"left out": "not asked for"})
                continue
            place = Path(directory) / name
            place.mkdir()
            begun = time.monotonic()
            found = (
                _kept(lambda part=part, place=place: part(visit, place))  # type: ignore[misc]
                if visit.left() > 5
                else {"left out": "no time was left"}
            )
            visit.keep(name, {**found, "seconds": round(time.monotonic() - begun, 1)})
            print(f"{name}: {found.get('error') or found.get('left out') or 'done'}", flush=True)


if __name__ == "__main__":
    main()
