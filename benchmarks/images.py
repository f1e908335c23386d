"""The figures of docs/images.md: `scripts/engines run python benchmarks/images.py --page
docs/images.md`, or `make engines`.

    one lock on several engines    digests, time of the first build, and one run of the digits
    example replayed on each of them build times                    reprobox beside pip in a
    container and `docker build` with a wheelhouse, in the same minutes --cuda
    instead of these: the image of images/gpu (fetches 3 GB into REPROBOX_HOME where it is not
    there)

The engines are those of REPROBOX_ENGINES and the one that DOCKER_HOST names. Images of this
benchmark are removed at the end; in the engines of scripts/engines everything is removed before, so
that a first build is one.
"""

from __future__ import annotations

import argparse
import ensurepip
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reprobox.engine.docker import DockerEngine
from reprobox.errors import ReproboxError
from reprobox.image import bootstrap
from reprobox.lock import lock_file
from reprobox.model.image import tag_of
from reprobox.model.outcome import Container
from reprobox.store.objects import ObjectStore

TOP = Path(__file__).resolve().parents[1]
REPROBOX = [sys.executable, "-m", "reprobox.cli.main"]
NAMED = dict(
    item.split("=", 1) for item in os.environ.get("REPROBOX_ENGINES", "").split(",") if item
)
MACHINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
PIP = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
SMALL = "filelock"
"""A dependency of torch that weighs some kilobytes: the one that changes."""
COLD = 3
"""Rounds of cold builds; the table has the medians."""
GIT = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]


@dataclass(frozen=True)
class Project:
    """A repository, and the commands in it."""

    top: Path
    home: Path
    tag: str = ""
    was_there: bool = True
    """Whether the engine had the image before: then it is somebody's."""

    def __call__(self, *words: str, engine: str = MACHINE) -> str:
        env = {
            **os.environ,
            "DOCKER_HOST": engine,
            "REPROBOX_HOME": str(self.home),
            "PYTHONPATH": str(TOP),
        }
        done = subprocess.run(
            [*REPROBOX, *words], cwd=self.top, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):
            raise SystemExit(f"reprobox {' '.join(words)} on {engine}:\n{done.stderr}")
        return done.stdout

    def commit(self) -> None:
        for command in (
            ["git", "init", "-q"],
            ["git", "add", "-A"],
            [*GIT, "commit", "-q", "--allow-empty", "-m", "bench"],
        ):
            subprocess.run(command, cwd=self.top, check=True)


def log(text: str) -> None:
    sys.stderr.write(f"images: {text}\n")


def seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def empty(url: str) -> None:
    """Takes every container and image out of an engine of scripts/engines."""
    assert url in NAMED.values(), url
    for kind, remove in (("ps", "rm"), ("images", "rmi")):
        for _ in range(3):
            ids = set(docker(url, kind, "-aq").split())
            for one in ids:
                subprocess.run(
                    ["docker", "-H", url, remove, "-f", one], check=False, capture_output=True
                )


def docker(url: str, *words: str) -> str:
    done = subprocess.run(
        ["docker", "-H", url, *words],
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"docker {' '.join(words)}:\n{done.stdout[-2000:]}{done.stderr}")
    return done.stdout


def digits(folder: Path, home: Path) -> Project:
    """The digits example, locked and built once here, and committed."""
    shutil.copytree(TOP / "examples/digits", folder)
    project = Project(folder, home)
    project.commit()
    log("locking and building the digits example")
    project("lock")
    tag = tag_of(lock_file.digest(lock_file.read(folder / "reprobox.lock")))
    was_there = DockerEngine(MACHINE).inspect(tag) is not None
    project("build")
    project.commit()
    return replace(project, tag=tag, was_there=was_there)


def engines_table(project: Project) -> Iterator[str]:
    """One lock on every engine, and one run replayed on each."""
    run = json.loads(project("run", "config.yaml", "--json"))
    lock = lock_file.read(project.top / "reprobox.lock")
    assert lock.image is not None
    yield "| engine | config digest | manifest digest | its own ID of the image | first build | one run, replayed |"
    yield "|---|---|---|---|---|---|"
    for name, url in {"this machine's": MACHINE, **NAMED}.items():
        engine = DockerEngine(url)
        if url in NAMED.values():
            empty(url)
        log(f"building on {name}")
        took: list[dict[str, Any]] = []
        wall = seconds(lambda: took.append(json.loads(project("build", "--json", engine=url))))  # noqa: B023
        facts, there, built = engine.info(), engine.inspect(took[0]["tag"]), took[0]
        assert there is not None
        assert there.diff_ids == lock.image.diff_ids
        assert (built["config"], built["manifest"]) == (lock.image.config, lock.image.manifest)
        own = "config digest" if there.id == built["config"] else "manifest digest"
        assert there.id in (built["config"], built["manifest"])
        first = f"{wall:.0f} s" if url in NAMED.values() else "(it was there)"
        outcome = replayed(project, run["id"], url)
        yield (
            f"| {name}: {facts['name']} {facts['version']}, {facts['storage']} | "
            f"`{short(built['config'])}` | "
            f"`{short(built['manifest'])}` | {own} | {first} | {outcome} |"
        )
    yield ""
    yield f"The lock is `{lock_file.digest(lock)}`; the image in full: config `{lock.image.config}`,"
    yield f"manifest `{lock.image.manifest}`."


def replayed(project: Project, run: str, url: str) -> str:
    try:
        with DockerEngine(url).step(
            Container(
                image=json.loads(project("build", "--json", engine=url))["tag"],
                argv=("/bin/true",),
                name="reprobox-bench",
            )
        ) as step:
            assert step.code == 0, step.log
    except ReproboxError:
        return "it starts no container on this machine"
    verdict = json.loads(project("replay", run, "--json", engine=url))
    same = [file for file in verdict["files"] if file["state"] == "identical"]
    return f"{verdict['result']}: {len(same)} of {len(verdict['files'])} files" + (
        ", stdout" if verdict["stdout_equal"] else ""
    )


def short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def fresh_store(home: Path, folder: Path) -> Path:
    """A store with the bytes of another, and nothing that was derived from them."""
    shutil.copytree(home / "objects", folder / "store/objects", copy_function=os.link)
    return folder / "store"


def remember_base(home: Path, store: Path, lock: Any) -> None:
    """The base is there for all three ways, so its layer need not be made again."""
    key = bootstrap.key_of(lock)
    ObjectStore(store).remember(key, ObjectStore(home).memo(key))


def forget(url: str, kept: str) -> None:
    """Takes every container and every image but one out of an engine of scripts/engines."""
    assert url in NAMED.values(), url
    keep = docker(url, "image", "inspect", "-f", "{{.Id}}", kept).strip()
    for one in docker(url, "ps", "-aq").split():
        docker(url, "rm", "-f", one)
    for _ in range(3):
        for one in set(docker(url, "images", "-aq", "--no-trunc").split()) - {keep}:
            subprocess.run(
                ["docker", "-H", url, "rmi", "-f", one], check=False, capture_output=True
            )
    assert set(docker(url, "images", "-aq", "--no-trunc").split()) == {keep}


@dataclass
class Peers:
    """pip and `docker build` on the same base, from the same wheels."""

    url: str
    base: str
    folder: Path

    def wheelhouse(self, lock: Any, store: ObjectStore) -> None:
        """The wheels of a lock under their names, and their names and versions."""
        house = self.folder / "wheelhouse"
        shutil.rmtree(house, ignore_errors=True)
        house.mkdir(parents=True)
        for wheel in lock.wheels:
            os.link(store.path(wheel.sha256), house / wheel.filename)
        shutil.copy(PIP, house / PIP.name)
        pins = "".join(f"{wheel.name}=={wheel.version}\n" for wheel in lock.wheels)
        (house / "requirements.txt").write_text(pins)
        (self.folder / "Dockerfile").write_text(
            f"FROM {self.base}\nCOPY wheelhouse /wheelhouse\nRUN {' '.join(self.install())} && rm "
            "-rf /root/.cache\n"
        )

    @staticmethod
    def install() -> list[str]:
        options = [
            "--no-index",
            "--no-deps",
            "--no-compile",
            "--no-cache-dir",
            "--find-links",
            "/wheelhouse",
        ]
        pip = ["python", f"/wheelhouse/{PIP.name}/pip", "--disable-pip-version-check", "install"]
        return [*pip, *options, "-r", "/wheelhouse/requirements.txt"]

    def pip(self, image: str) -> None:
        """pip in a container with the wheelhouse mounted, and the container made an image."""
        docker(self.url, "rm", "-f", "bench") if docker(
            self.url, "ps", "-aqf", "name=bench"
        ) else None
        mount = f"{self.folder}/wheelhouse:/wheelhouse:ro"
        docker(
            self.url,
            "run",
            "--name",
            "bench",
            "--network",
            "none",
            "-v",
            mount,
            image,
            *self.install(),
        )
        docker(self.url, "commit", "bench", "bench:pip")

    def build(self) -> None:
        """docker build with the wheelhouse copied in."""
        docker(self.url, "build", "--network", "none", "-t", "bench:build", str(self.folder))


def times_table(project: Project, work: Path, url: str) -> Iterator[str]:
    """Cold, one small dependency changed, nothing changed; three ways."""
    empty(url)
    shutil.copytree(project.top, work / "plain")
    config = (work / "plain/config.yaml").read_text()
    (work / "plain/config.yaml").write_text(
        config.replace("    requirements: requirements.txt\n", "")
    )
    (work / "plain/reprobox.lock").unlink()
    plain = Project(work / "plain", project.home)
    plain("lock")
    base = json.loads(plain("build", "--json", engine=url))["tag"]
    lock = lock_file.read(project.top / "reprobox.lock")
    others = [changed(project, work / f"changed{number}", lock, number) for number in (1, 2, 3)]
    store = fresh_store(project.home, work)
    peers = Peers(url, base, work / "peers")
    peers.wheelhouse(lock, ObjectStore(store))
    ours = Project(project.top, store)
    build = lambda one: seconds(lambda: Project(one.top, store)("build", engine=url))  # noqa: E731
    rounds = []
    for number in range(COLD):
        log(f"cold builds, round {number + 1}")
        for memo in (store / "memo").glob("*"):
            memo.unlink()
        remember_base(project.home, store, lock)
        forget(url, base)
        rounds.append([build(ours), seconds(lambda: peers.pip(base)), seconds(peers.build)])
    cold = [statistics.median(column) for column in zip(*rounds, strict=True)]
    log("nothing changed")
    still = [
        statistics.median(build(ours) for _ in range(9)),
        statistics.median(seconds(lambda: peers.pip("bench:pip")) for _ in range(3)),
        statistics.median(seconds(peers.build) for _ in range(3)),
    ]
    processor = statistics.median(processor_time(lambda: build(ours)) for _ in range(9))
    log("one small dependency changed")
    small = [statistics.median(build(one) for one in others)]
    peers.wheelhouse(lock_file.read(others[0].top / "reprobox.lock"), ObjectStore(project.home))
    small += [seconds(lambda: peers.pip(base)), seconds(peers.build)]
    yield "| | reprobox build | pip in a container, committed | docker build | ratios |"
    yield "|---|---|---|---|---|"
    rows = {
        "cold, the base being there": cold,
        f"one small dependency changed ({SMALL})": small,
        "nothing changed": still,
    }
    for name, row in rows.items():
        ratios = " and ".join(f"{other / row[0]:.1f}" for other in row[1:])
        yield f"| {name} | {told(row[0])} | {told(row[1])} | {told(row[2])} | {ratios} |"
    yield ""
    facts = DockerEngine(url).info()
    yield (
        f"Docker {facts['version']}, {facts['storage']}; {len(lock.wheels)} wheels, "
        f"{size(sum(one.size for one in lock.wheels))}. "
        f"The unchanged `reprobox build` takes {1000 * processor:.0f} ms of processor time, the "
        "whole process."
    )
    empty(url)


def changed(project: Project, top: Path, lock: Any, number: int) -> Project:
    """The project with another version of the small dependency; its wheel is fetched, its image not
    made.
    """
    shutil.copytree(project.top, top)
    bound = next(wheel.version for wheel in lock.wheels if wheel.name == SMALL)
    one = Project(top, project.home)
    for _ in range(number):
        with (top / "requirements.txt").open("a") as file:
            file.write(f"{SMALL}<{bound}\n")
        one("lock")
        bound = next(
            wheel.version
            for wheel in lock_file.read(top / "reprobox.lock").wheels
            if wheel.name == SMALL
        )
    return one


def processor_time(work: Callable[[], Any]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def told(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def size(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count > 1e9 else f"{count / 1e6:.0f} MB"


class Disk(threading.Thread):
    """The most that a file system held above what it held at first, seen every quarter second."""

    def __init__(self, place: Path) -> None:
        super().__init__(daemon=True)
        self._place, self._ended = place, threading.Event()
        self._first = shutil.disk_usage(place).used
        self.most = 0

    def run(self) -> None:
        while not self._ended.wait(0.25):
            self.most = max(self.most, shutil.disk_usage(self._place).used - self._first)

    def end(self) -> int:
        self._ended.set()
        self.join()
        return shutil.disk_usage(self._place).used - self._first


def measured(project: Project) -> tuple[float, int]:
    """`reprobox build`: seconds, and the most memory that its process had (KiB)."""
    env = {**os.environ, "REPROBOX_HOME": str(project.home), "PYTHONPATH": str(TOP)}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*REPROBOX, "build"],
        cwd=project.top,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.perf_counter() - begun, used.ru_maxrss


def cuda_table(folder: Path, home: Path) -> Iterator[str]:
    """The image of images/gpu on the machine's engine: made, made again for comparison, started,
    removed.
    """
    shutil.copytree(TOP / "images/gpu", folder)
    project = Project(folder, home)
    engine = DockerEngine(MACHINE)
    log("locking images/gpu")
    locking = seconds(lambda: project("lock"))
    lock = lock_file.read(folder / "reprobox.lock")
    disk = Disk(Path(engine.info()["root"]))
    disk.start()
    log("building it")
    building, memory = measured(project)
    after = disk.end()
    took = json.loads(project("build", "--json"))
    log("checking it")
    checking, same = time.perf_counter(), json.loads(project("build", "--check", "--json"))
    checking = time.perf_counter() - checking
    script = "import torch; print(torch.__version__, torch.version.cuda, torch.backends.cudnn.version(), torch.cuda.nccl.version())"
    with engine.step(
        Container(image=took["tag"], argv=("python", "-c", script), name="reprobox-bench-cuda")
    ) as step:
        assert step.code == 0, step.log.decode()
        answer = step.log.decode().strip().splitlines()[-1]
    engine.remove_image(took["tag"])
    assert same["same"], same
    wheels = size(sum(wheel.size for wheel in lock.wheels))
    yield "| | |"
    yield "|---|---|"
    yield f"| lock | {len(lock.wheels)} wheels, {wheels}; {len(lock.base.packages)} Debian packages |"
    yield f"| `reprobox lock` (the bytes were in the store before) | {told(locking)} |"
    yield f"| image | config `{took['config']}`, manifest `{took['manifest']}` |"
    yield f"| composed a second time (`build --check`, other process, clock, umask, order) | the same digests, {told(checking)} |"
    yield f"| `reprobox build` | {told(building)} |"
    yield f"| memory, at most (the reprobox process) | {memory / 1024:.0f} MiB |"
    yield f"| disk of the engine, at most and afterwards | {size(disk.most)}, {size(after)} |"
    yield f"| inside: torch, torch.version.cuda, cuDNN, NCCL | `{answer}` |"


def write(page: Path, name: str, lines: list[str]) -> None:
    """Puts figures between their marks of the page."""
    text = page.read_text()
    head, begin, rest = text.partition(f"<!-- {name} -->\n")
    _, end, tail = rest.partition(f"<!-- end of {name} -->\n")
    assert begin, name
    assert end, name
    page.write_text(head + begin + "\n".join(lines) + "\n" + end + tail)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"Measured on {time.strftime('%Y-%m-%d')}: {os.cpu_count()} processors, {memory:.0f} GiB, "
        f"Linux {kernel}, "
        f"Python {platform.python_version()}; load of the machine in the last five minutes: "
        f"{os.getloadavg()[1]:.1f}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="The figures of docs/images.md.")
    parser.add_argument(
        "--page", type=Path, help="the page to write them into; without it they are printed"
    )
    parser.add_argument("--cuda", action="store_true", help="only the CUDA image")
    parser.add_argument("--only", choices=["engines", "times"], help="only this table")
    chosen = parser.parse_args()
    home = Path(os.environ.get("REPROBOX_HOME") or TOP / ".tools/store").absolute()
    with tempfile.TemporaryDirectory(prefix="reprobox-images-", dir=home.parent) as name:
        for table, lines in tables(chosen, Path(name), home):
            found = [*lines, "", machine()]
            print("\n".join(found))
            if chosen.page:
                write(chosen.page, table, found)


def tables(
    chosen: argparse.Namespace, folder: Path, home: Path
) -> Iterator[tuple[str, Iterator[str]]]:
    if chosen.cuda:
        yield "cuda", cuda_table(folder / "gpu", home)
        return
    project = digits(folder / "digits", home)
    try:
        if chosen.only != "times":
            yield "engines", engines_table(project)
        if chosen.only != "engines":
            yield "times", times_table(project, folder, NAMED["old"])
    finally:
        if not project.was_there:
            DockerEngine(MACHINE).remove_image(project.tag)


if __name__ == "__main__":
    main()
