"""Measures what docs/determinism.md says: the CPU matrix, the speed of each profile, the trail's
cost, the start of a process.

    python benchmarks/determinism.py --python PYTHON_WITH_TORCH [--only
    speed,trail,start,operations,ablate,matrix] [--write]

The matrix runs the trainings natively and in qemu-user as other CPU models, and takes ten minutes;
`--only jax` does so for an interpreter with jax. `--write` puts the tables into docs/determinism.md
between their markers. The certificate has a command of its own, determinism_certificate.py.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reprobox.model.spec import Trail  # noqa: E402
from reprobox.runtime import profiles  # noqa: E402

PAGE = ROOT / "docs" / "determinism.md"
PAYLOAD = ROOT / "reprobox" / "runtime" / "payload"
WORKLOADS = ROOT / "benchmarks" / "determinism_workloads.py"
JAX_WORKLOADS = ROOT / "benchmarks" / "determinism_jax.py"
OPERATIONS = ROOT / "benchmarks" / "determinism_operations.py"
# Opteron_G4 is the oldest of AMD's that the profile is for: those before it lack SSE4.
MATRIX = {
    "same-machine": ("", "Haswell", "EPYC-Rome", "Nehalem"),
    "portable-avx2": (
        "",
        "Haswell",
        "Broadwell",
        "Skylake-Server",
        "Cascadelake-Server",
        "EPYC",
        "EPYC-Rome",
        "EPYC-Milan",
    ),
    "portable-any": (
        "",
        "Nehalem",
        "SandyBridge",
        "Opteron_G4",
        "Haswell",
        "Skylake-Server",
        "EPYC-Rome",
        "EPYC-Milan",
    ),
}

# jaxlib is built for AVX, so there is no older CPU for it.
JAX_MATRIX = {
    "same-machine": ("", "Haswell"),
    "portable-avx2": ("", "Haswell", "EPYC-Rome"),
    "portable-any": ("", "SandyBridge"),
}


def run(
    options: argparse.Namespace,
    profile: str,
    *argv: str,
    cpu: str = "",
    trail: Trail | None = None,
    out: str = "",
    without: str = "",
    program: Path = WORKLOADS,
) -> dict[str, object]:
    """One workload under a profile; what it printed. `without`: leave out a variable, or an
    interposed library.
    """
    with tempfile.TemporaryDirectory() as scratch:
        asked = {
            "seed": 0,
            "threads": 1,
            "commit_time": 0,
            "trail": trail or Trail(),
            "box": str(PAYLOAD),
            "out": out or scratch,
        }
        env = profiles.env(profile, **asked)
        env["REPROBOX_INTERPOSE"] = ",".join(
            one for one in env.get("REPROBOX_INTERPOSE", "").split(",") if one != without
        )
        env.pop(without, None)
        emulated = [options.emulator, "-cpu", cpu] if cpu else []
        argv = (*emulated, options.python, str(program), *argv)
        done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout)["found"])


NETS = ("mlp", "cnn", "transformer")


def matrix(options: argparse.Namespace) -> str:
    """Profiles by CPU models: digests of the weights, 6 hex each. What other machines measured
    natively is kept from the page.
    """
    lines = [
        "| profile | CPU | MLP | CNN | transformer | same as here |",
        "|---|---|---|---|---|---|",
    ]
    for profile, cpus in MATRIX.items():
        here: list[str] = []
        for cpu in cpus:
            found = run(options, profile, "nets", "5", cpu=cpu)
            digests = [str(found[f"{net}.weights"])[:6] for net in NETS]
            here = here or digests
            lines.append(_matrix_row(profile, cpu or native_name(), digests, here if cpu else []))
            print(lines[-1], file=sys.stderr, flush=True)
            if not cpu:
                lines += [
                    _matrix_row(profile, name, other, here) for name, other in _elsewhere(profile)
                ]
    return "\n".join(lines)


def _matrix_row(profile: str, cpu: str, digests: list[str], here: list[str]) -> str:
    same = f"{sum(map(str.__eq__, digests, here))} of {len(here)}" if here else ""
    return f"| {profile} | {cpu} | {' | '.join(digests)} | {same} |"


def _elsewhere(profile: str) -> list[tuple[str, list[str]]]:
    """The rows of the page that another machine measured without the emulator."""
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
    ]
    natives = [
        row for row in rows if len(row) == 6 and row[0] == profile and row[1].startswith("real ")
    ]
    return [(row[1], row[2:5]) for row in natives if row[1] != native_name()]


def native_name() -> str:
    """The CPU here as the page calls it, such as `real Intel, AVX-512, AMX`."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    flags = set(text.partition("flags")[2].partition("\n")[0].split())
    vendor = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD"}.get(
        text.partition("vendor_id\t: ")[2].partition("\n")[0], "other"
    )
    named = (("avx512f", "AVX-512"), ("avx512_bf16", "BF16"), ("amx_tile", "AMX"))
    return ", ".join([f"real {vendor}", *(name for flag, name in named if flag in flags)])


def jax(options: argparse.Namespace) -> str:
    """The same for JAX, one step of its smallest training: compiling in the emulator takes minutes.
    Not among the defaults.
    """
    lines = ["| profile | CPU | MLP | same as native |", "|---|---|---|---|"]
    for profile, cpus in JAX_MATRIX.items():
        native = ""
        for cpu in cpus:
            found = str(
                run(options, profile, "mlp", "1", cpu=cpu, program=JAX_WORKLOADS)["weights"]
            )
            native = native or found
            same = ("yes" if found == native else "no") if cpu else ""
            lines.append(f"| {profile} | {cpu or native_name()} | {found[:6]} | {same} |")
            print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def ablate(options: argparse.Namespace) -> str:
    """portable-avx2 with one part left out: results that differ between this CPU and an emulated
    one, of all that are computed.
    """
    lines = ["| left out | results that differ | such as |", "|---|---|---|"]
    parts = (
        "",
        "MKL_CBWR",
        "intel",
        "vml",
        "ATEN_CPU_CAPABILITY",
        "ONEDNN_MAX_CPU_ISA",
        "OPENBLAS_CORETYPE",
        "NPY_DISABLE_CPU_FEATURES",
    )
    for part in parts:
        here, there = (
            run(options, "portable-avx2", "everything", "3", cpu=cpu, without=part)
            for cpu in ("", "Haswell")
        )
        differ = [name for name in here if here[name] != there[name]]
        shown = f"`{part}`" if part.isupper() else f"`portable_{part}.so`" if part else "nothing"
        lines.append(f"| {shown} | {len(differ)} of {len(here)} | {', '.join(differ[:6])} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def speed(options: argparse.Namespace) -> str:
    """Milliseconds of processor time a step, interleaved, the least of two runs; beside an
    environment that pins nothing.
    """
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(2):
        for profile in profiles.PROFILES:
            found.setdefault(profile, []).append(
                {key: float(str(v)) for key, v in run(options, profile, "speed", "20").items()}
            )
    lines = ["| profile | MLP | CNN | transformer |", "|---|---|---|---|"]
    base = {net: min(one[net] for one in found["observe"]) for net in ("mlp", "cnn", "transformer")}
    for profile, rounds in found.items():
        cells = [
            f"{min(one[net] for one in rounds):.2f} ms "
            f"({min(one[net] for one in rounds) / base[net]:.2f}x)"
            for net in base
        ]
        lines.append(f"| {profile} | {' | '.join(cells)} |")
    return "\n".join(lines)


def trail(options: argparse.Namespace) -> str:
    """What the trail measured of itself: hashing, a step, the k it chose, and the share that this
    costs.
    """
    lines = [
        "| training | step | one fingerprint of all parameters | k chosen | share |",
        "|---|---|---|---|---|",
    ]
    for net in ("mlp", "cnn", "transformer"):
        with tempfile.TemporaryDirectory() as out:
            run(options, "same-machine", net, "60", trail=Trail(enabled=True), out=out)
            said = [
                json.loads(line) for line in (Path(out) / "trail.jsonl").read_text().splitlines()
            ]
        one = next(line for line in said if "cost" in line)
        share = one["cost"] / (one["every"] * one["step"])
        lines.append(
            f"| {net} | {one['step'] * 1e3:.2f} ms | {one['cost'] * 1e3:.2f} ms | {one['every']} "
            f"| {share:.1%} |"
        )
    return "\n".join(lines)


def start(options: argparse.Namespace) -> str:
    """Milliseconds of wall time of `python -c ...`, medians of 21 interleaved starts."""
    lines = ["| program | without | with the payload |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as out:
        env = profiles.env(
            "same-machine",
            seed=0,
            threads=1,
            commit_time=0,
            trail=Trail(),
            box=str(PAYLOAD),
            out=out,
        )
        bare = {
            key: value
            for key, value in env.items()
            if key != "PYTHONPATH" and not key.startswith("REPROBOX")
        }
        for program, count in (("pass", 21), ("import numpy", 11), ("import torch", 5)):
            pairs = [
                (_wall(options.python, program, bare), _wall(options.python, program, env))
                for _ in range(count)
            ]
            without, within = (statistics.median(side) * 1e3 for side in zip(*pairs, strict=True))
            lines.append(f"| `{program}` | {without:.1f} ms | {within:.1f} ms |")
    return "\n".join(lines)


def _wall(python: str, program: str, env: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run([python, "-c", program], env=env, check=True)
    return time.perf_counter() - began


def operations(options: argparse.Namespace) -> str:
    """torch's list of nondeterministic operations on the CPU: what is refused, and what races where
    nothing is switched on.
    """
    import determinism_operations as known  # beside this file

    lines = [
        (
            "| torch's list | entries | CUDA only | refused on the CPU, by name and line | same bits "
            "in 4 runs | under `observe` |"
        )
    ]
    lines.append("|---|---|---|---|---|---|")
    runs = {
        profile: [_walk(options, profile) for _ in range(4)]
        for profile in ("same-machine", "observe")
    }
    for title, programs in (("act deterministically", known.ACTS), ("throw", known.THROWS)):
        on_cpu = [entry for entry in programs if not known.cuda_only(entry)]
        first = runs["same-machine"][0]
        refused = sum(first[entry].startswith("refused") for entry in programs)
        same = (
            sum(len({run[entry] for run in runs["same-machine"]}) == 1 for entry in programs)
            - refused
        )
        race = sum(len({run[entry] for run in runs["observe"]}) > 1 for entry in on_cpu)
        cells = (
            title,
            len(programs),
            len(programs) - len(on_cpu),
            refused,
            same,
            f"{race} of {len(on_cpu)} differ",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _walk(options: argparse.Namespace, profile: str) -> dict[str, str]:
    """Every entry's outcome with two threads."""
    with tempfile.TemporaryDirectory() as out:
        env = profiles.env(
            profile, seed=0, threads=2, commit_time=0, trail=Trail(), box=str(PAYLOAD), out=out
        )
        done = subprocess.run(
            [options.python, str(OPERATIONS), "run", "cpu"],
            env=env,
            capture_output=True,
            check=True,
        )
    return dict(json.loads(done.stdout))


TABLES: dict[str, Callable[[argparse.Namespace], str]] = {
    "speed": speed,
    "trail": trail,
    "start": start,
    "operations": operations,
    "ablate": ablate,
    "matrix": matrix,
    "jax": jax,
}
USUAL = tuple(name for name in TABLES if name != "jax")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--python", default=sys.executable, help="an interpreter with torch and numpy"
    )
    parser.add_argument("--emulator", default="qemu-x86_64")
    parser.add_argument("--only", default=",".join(USUAL))
    parser.add_argument(
        "--write", action="store_true", help="put the tables into docs/determinism.md"
    )
    options = parser.parse_args()
    for name in options.only.split(","):
        table = TABLES[name](options)
        print(f"## {name}\n{table}\n", flush=True)
        if options.write:
            _put(name, table)


def _put(name: str, table: str) -> None:
    """Replaces the lines between the markers of a table."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        pattern.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text, count=1), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
