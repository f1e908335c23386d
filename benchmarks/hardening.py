"""What least privilege and the shim cost over a bare container: `python benchmarks/hardening.py
[--pairs 15]`.

Every round makes, starts, awaits and removes one container of each kind through the same API, one
after the other in a random order, so that load on the machine hits all; the figures are medians
over the rounds, in milliseconds. The program is the interpreter of `debian:bookworm` that ends at
once (`-c pass`).
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from overhead import make

from reprobox.engine import create_body
from reprobox.engine.docker import DockerEngine
from reprobox.model.outcome import Container, Mount
from reprobox.runtime import runtime_pack

PYTHON = "/usr/bin/python3.11"


def kinds(image: str, top: Path) -> dict[str, Container]:
    """Each kind adds something to the one before."""
    box, out = top / "box", top / "out"
    out.mkdir()
    for name, data in runtime_pack.payload().items():
        (box / name).parent.mkdir(parents=True, exist_ok=True)
        (box / name).write_bytes(data)
    bare = Container(
        image=image,
        argv=(PYTHON, "-c", "pass"),
        name="bare",
        network="bridge",
        read_only=False,
        capabilities=(create_body.DEFAULTS,),
    )
    offline = replace(bare, network="none")
    hard = replace(
        offline,
        user=f"{os.getuid()}:{os.getgid()}",
        capabilities=(),
        read_only=True,
        pids=4096,
        memory=1 << 30,
        shm_size=1 << 30,
        tmpfs={"/tmp": create_body.tmpfs("1g")},
        mounts=(
            Mount(source=str(box), target="/.reprobox"),
            Mount(source=str(out), target="/.reprobox-out", read_only=False),
        ),
    )
    shim = replace(
        hard, argv=(PYTHON, "-I", "-S", "/.reprobox/shim.py", "/.reprobox-out", "--", *bare.argv)
    )
    return {
        "bare container": bare,
        "no network": offline,
        "all restrictions": hard,
        "all restrictions and the shim": shim,
    }


def timed(engine: DockerEngine, container: Container) -> float:
    """Milliseconds of one container's life."""
    begun = time.perf_counter()
    made = engine.create(
        replace(container, name=f"reprobox-bench-{os.getpid()}-{time.monotonic_ns()}")
    )
    engine.start(made)
    state = engine.wait(made)
    engine.remove(made)
    assert state.exit_code == 0, state
    return (time.perf_counter() - begun) * 1000


def docker_run(image: str) -> float:
    """Milliseconds of the command that everybody uses."""
    begun = time.perf_counter()
    subprocess.run(
        ["docker", "run", "--rm", image, PYTHON, "-c", "pass"], check=True, stdin=subprocess.DEVNULL
    )
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15)
    pairs = parser.parse_args().pairs
    engine = DockerEngine()
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        image = make(top, str(Path(sys.executable).with_name("reprobox")))["tag"]
        work: dict[str, Callable[[], float]] = {"docker run --rm": lambda: docker_run(image)}
        for name, container in kinds(image, top).items():
            work[name] = lambda container=container: timed(engine, container)
        times: dict[str, list[float]] = {name: [] for name in work}
        for turn in range(pairs + 1):
            for name in random.sample(list(work), len(work)):
                took = work[name]()
                if turn:  # the first round warms
                    times[name].append(took)
    print(
        f"| kind ({pairs} pairs, {os.cpu_count()} cores) | ms | more than the bare container, ms "
        "| middle half of the pairs |"
    )
    print("|---|---:|---:|---:|")
    for name, column in times.items():
        more = [one - other for one, other in zip(column, times["bare container"], strict=True)]
        low, middle, high = statistics.quantiles(more, n=4)
        print(
            f"| {name} | {statistics.median(column):.0f} | {middle:+.0f} | {low:+.0f} to "
            f"{high:+.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
