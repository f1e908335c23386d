"""What reprobox costs, in one table: `python benchmarks/costs.py [--write]`, or `make bench`.

    --only PART ...   parts of the table: run, many, build, store, share, files, rules, profile
    --quick           small sizes and 3 pairs: whether it works, not what it costs
    --write           puts the table into docs/performance.md and some rows into README.md; with
                      --only, the other rows stay

Each row names what it is compared with. The two run in turn, in pairs, so that load on the machine
hits both; a ratio is the median of the ratios of the pairs. Times are wall times of whole
processes, as the row says, or processor times of a process and its children. The store's rows are
of runs that are made here, without containers, in memory where /dev/shm is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import shutil
import statistics
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP), str(TOP / "tests" / "support"), str(TOP / "benchmarks")]

import builds  # noqa: E402
import determinism  # noqa: E402
import overhead  # noqa: E402
import store as many_runs  # noqa: E402
import uploads  # noqa: E402
from paired import COMMIT, FULL, QUICK, Pairs, Row, Sizes, in_pairs, shell  # noqa: E402

from reprobox.kit import canon  # noqa: E402
from reprobox.store import run_documents  # noqa: E402
from reprobox.store.project import open_project  # noqa: E402
from reprobox.store.run_ids import new_id  # noqa: E402
from reprobox.store.runs import Runs  # noqa: E402

REPROBOX = str(Path(sys.executable).with_name("reprobox"))
HEAD = "| work | today | compared with | goal |\n|---|---|---|---|"
BEGIN, END = "<!-- costs: python benchmarks/costs.py --write -->", "<!-- end of costs -->"


# --- a program that ends at once


def run(sizes: Sizes, place: Path) -> Iterator[Row]:
    """`run`, `replay` and what a command costs before it does anything."""
    image = overhead.make(place, REPROBOX)["tag"]
    docker = _docker(image, place, "python3 job.py")
    for words, goal in (("run config.yaml", "1.25"), ("replay latest", "1.35")):
        found = in_pairs(f"{REPROBOX} {words}", docker, place, sizes.pairs)
        yield Row(
            f"`{words.split()[0]}` of a program that ends at once",
            f"{found.ratio:.2f} times ({found.wall:.0f} ms, {found.cpu:.0f} of the processor)",
            f"`docker run` ({found.theirs:.0f} ms)",
            f"≤ {goal}",
            short=True,
        )
    newest = max((place / ".reprobox/runs").iterdir())
    size = sum((newest / name).stat().st_size for name in run_documents.NAMES)
    yield Row("record and intent of a run on the disk", f"{size / 1000:.1f} kB", "", "≤ 12 kB")
    python = f"{sys.executable} -c pass"
    for words, goal in (("--help", "≤ 60 ms"), ("build", "≤ 120 ms")):
        found = in_pairs(f"{REPROBOX} {words}", python, place, sizes.pairs)
        yield Row(
            "`build`, nothing to do" if words == "build" else f"`{words}`",
            f"{found.wall:.0f} ms ({found.cpu:.0f} of the processor)",
            f"`python -c pass` ({found.theirs:.0f} ms)",
            goal,
            short=True,
        )


def many(sizes: Sizes, place: Path) -> Iterator[Row]:
    """Several runs at once."""
    (place / "sleep.py").write_text("import time; time.sleep(2)\n")
    image = overhead.make(place, REPROBOX)["tag"]
    shell("sed -i s/job.py/sleep.py/ config.yaml && git add -A && " + COMMIT, place)
    docker = _docker(image, place, "python3 sleep.py")
    for count in (1, 8):
        commands = (
            " ".join(f"{one} & " for one in [command] * count) + "wait"
            for command in (f"{REPROBOX} run config.yaml", docker)
        )
        found = in_pairs(*commands, place, sizes.few)
        yield Row(
            f"{count} run{'s' * (count > 1)} of 2 s at once",
            found.times,
            f"as many `docker run` ({found.other})",
            "≤ 1.1" if count > 1 else "",
        )


def build(sizes: Sizes, place: Path) -> Iterator[Row]:
    """Images."""
    yield from builds.rows(sizes, place, REPROBOX)


def _docker(image: str, place: Path, command: str) -> str:
    user = f"{os.getuid()}:{os.getgid()}"
    return f"docker run --network none -v {place}:/work -w /work -u {user} {image} {command}"


# --- many runs


def store(sizes: Sizes, place: Path) -> Iterator[Row]:
    """Commands that read every run, and the index."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as at:
        top = Path(at)
        shell("git init -q", top)
        runs = open_project(top)
        fsync, os.fsync = os.fsync, lambda fd: None  # what is measured are other processes
        try:
            ids = [many_runs.a_run(runs, number) for number in range(sizes.runs)]
            yield from _whole(runs, top, sizes)
            yield from _listed(runs, ids[0], top, sizes)
        finally:
            os.fsync = fsync


def _whole(runs: Runs, top: Path, sizes: Sizes) -> Iterator[Row]:
    files = [path for path in runs.folder.rglob("*") if path.is_file()]
    (top / "files").write_bytes(b"\0".join(os.fsencode(path) for path in files))
    tool = "openssl dgst -sha256" if shutil.which("openssl") else "sha256sum"
    hashing = ["sh", "-c", f"xargs -0 {tool} < {top / 'files'}"]
    for words, goal in (("gc --project", 1.5), ("fsck --project", 2), ("verify --all", 2)):
        argv = [*many_runs.REPROBOX, *words.split()]
        pairs = [
            (many_runs.cost(argv, top), many_runs.cost(hashing, top))
            for _ in range(min(sizes.pairs, 5))
        ]
        ratio = statistics.median(ours[0] / theirs[0] for ours, theirs in pairs)
        ours, theirs = (
            statistics.median(pair[side][0] for pair in pairs) * 1000 for side in (0, 1)
        )
        yield Row(
            f"`{words}` of {sizes.runs:,} runs, processor time",
            f"{ratio:.1f} times ({ours:.0f} ms, {pairs[0][0][2]:.0f} MiB at most)",
            f"{tool} of their files ({theirs:.0f} ms)",
            f"≤ {goal}",
            short=words == "fsck --project",
        )


def _listed(runs: Runs, original: str, top: Path, sizes: Sizes) -> Iterator[Row]:
    _multiply(runs, original, sizes.listed)
    _, seconds, memory = many_runs.cost([*many_runs.REPROBOX, "gc", "--project"], top)
    yield Row(
        f"`gc --project` of {sizes.listed:,} runs, memory",
        f"{memory:.0f} MiB at most ({seconds:.1f} s)",
        "",
        "as with few runs",
    )
    many_runs.cost([*many_runs.REPROBOX, "ls"], top)
    known, wall = _ls(top, sizes)
    yield Row(
        f"`ls` of {sizes.listed:,} runs",
        f"{wall:.0f} ms ({known:.0f} of the processor)",
        "",
        "≤ 90 ms",
        short=True,
    )
    _multiply(runs, original, sizes.indexed)
    for path in runs.root.glob("index.sqlite*"):
        path.unlink()
    rebuilt = many_runs.cost([*many_runs.REPROBOX, "ls"], top)[0]
    known, _ = _ls(top, sizes)
    after = []
    for number in range(3):
        many_runs.a_run(runs, sizes.runs + number)
        after.append(many_runs.cost([*many_runs.REPROBOX, "ls"], top)[0] * 1000)
    yield Row(
        f"index of {sizes.indexed:,} runs: the first command after a new run; made anew",
        f"{statistics.median(after) - known:+.0f} ms; {rebuilt:.1f} s of processor time",
        f"`ls` before it ({known:.0f} ms)",
        "≤ +20 ms; ≤ 10 s",
    )


def _ls(top: Path, sizes: Sizes) -> tuple[float, float]:
    """Milliseconds of processor and wall time."""
    found = [many_runs.cost([*many_runs.REPROBOX, "ls"], top) for _ in range(sizes.pairs)]
    cpu, wall = (statistics.median(one[part] for one in found) * 1000 for part in (0, 1))
    return cpu, wall


def _multiply(runs: Runs, original: str, count: int) -> None:
    """More runs: one of them under other ids, whole in every digest."""
    source = runs.folder / original
    short = {name: (source / name).read_bytes() for name in run_documents.NAMES}
    whole = runs.record_bytes(original)
    for number in range(count - len(os.listdir(runs.folder))):
        run_id = new_id(many_runs.NOW + 10_000 + number)
        path, old, new = runs.folder / run_id, original.encode(), run_id.encode()
        path.mkdir()
        for name, data in short.items():
            (path / name).write_bytes(data.replace(old, new))
        digest = canon.digest_bytes(whole.replace(old, new))
        record = short[run_documents.RECORD].replace(old, new)
        (path / "record.sha256").write_bytes(run_documents.seal(digest, record))


# --- what leaves a store


def share(sizes: Sizes, place: Path) -> Iterator[Row]:
    """Bundles and pushes."""
    overhead.make(place, REPROBOX)
    shell(f"{REPROBOX} run config.yaml", place)
    parts = "code,outputs,lock"
    shell(f"{REPROBOX} push latest --to {place}/blobs --with {parts}", place)
    hashed = "find blobs -type f -print0 | xargs -0 sha256sum >/dev/null"
    if shutil.which("openssl"):
        hashed = hashed.replace("sha256sum", "openssl dgst -sha256")
    pack = f"{hashed}; tar -cf - blobs | zstd -q -3 -T2 -f -o blobs.tar.zst; sync blobs.tar.zst"
    export = f"{REPROBOX} export latest -o run.rbx --force --with {parts}"
    pairs = min(sizes.pairs, 5)
    found = in_pairs(export, pack, place, pairs)
    size = sum(path.stat().st_size for path in (place / "blobs").rglob("*") if path.is_file()) / 1e6
    yield Row(
        f"`export` of {size:.0f} MB",
        found.times,
        f"sha256, `tar`, `zstd -3`, `sync` ({found.other})",
        "≤ 1.1",
        short=True,
    )

    def afresh() -> None:
        for name in ("there", "home", "unpacked"):
            shutil.rmtree(place / name, ignore_errors=True)
        (place / "unpacked").mkdir()
        shell("git init -q there", place)

    take = f"cd there; REPROBOX_HOME={place}/home {REPROBOX} import ../run.rbx"
    unpack = (
        "cd unpacked; zstd -dcq ../blobs.tar.zst | tar -xf -; " + hashed + "; sync -f ../unpacked"
    )
    found = in_pairs(take, unpack, place, pairs, afresh)
    yield Row(
        "`import` of it",
        found.times,
        f"`zstd -d`, `tar`, sha256, `sync` ({found.other})",
        "≤ 1.1",
    )
    yield _push(sizes, place / "small")
    (place / "large").mkdir()
    yield from uploads.rows(sizes, place / "large", REPROBOX)


def _push(sizes: Sizes, place: Path) -> Row:
    from travelling import a_run

    (place / "project").mkdir(parents=True)
    shell("git init -q", place / "project")
    outputs = {
        f"out/{number % 100}/{number}": os.urandom(random.Random(number).randrange(100, 4000))
        for number in range(sizes.small)
    }
    run_id = a_run(open_project(place / "project"), outputs)
    files = place / "project/.reprobox/runs" / run_id / "outputs"
    home = f"REPROBOX_HOME={place}/home HOME={place}/home"
    push = f"cd project; {home} {REPROBOX} push {run_id} --to {place}/far --with outputs"
    copy = f"cp -r {files} {place}/copy; sync -f {place}/copy"

    def afresh() -> None:
        for name in ("far", "copy"):
            shutil.rmtree(place / name, ignore_errors=True)

    found = in_pairs(push, copy, place, sizes.few, afresh)
    return Row(
        f"push of {sizes.small:,} small outputs to a directory",
        found.times,
        f"`cp -r` and `sync` ({found.other})",
        "≤ 3",
        short=True,
    )


# --- many files


def files(sizes: Sizes, place: Path) -> Iterator[Row]:
    """Code, inputs and outputs of many or large files."""
    image = overhead.make(place, REPROBOX)["tag"]
    docker = _docker(image, place, "python3 job.py")
    small = in_pairs(f"{REPROBOX} run config.yaml", docker, place, sizes.few)
    for number in range(sizes.small):
        path = place / f"code/{number % 100}/{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n")
    shell(f"git add -A && {COMMIT}", place)
    archive = "git archive HEAD | tar -tf -"
    ours = in_pairs(f"{REPROBOX} run config.yaml", archive, place, sizes.few)
    yield Row(
        f"code of {sizes.small:,} files: a later run of the commit",
        f"{(ours.wall - small.wall) / 1000:+.2f} s ({_more(ours, small)} of the processor)",
        f"a run of two files; `git archive \\| tar -t` takes {ours.other}",
        "≤ +0.2 s",
    )
    yield _inputs(sizes, place / "with-inputs")
    yield _same_output(sizes, place / "large")


def _more(ours: Pairs, without: Pairs) -> str:
    """Processor time that one took more than another."""
    return f"{ours.cpu - without.cpu:+.0f} ms"


def _inputs(sizes: Sizes, place: Path) -> Row:
    place.mkdir()
    data = place / "data"
    for number in range(sizes.small):
        path = data / f"{number % 100}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(5000) * 10)
    config = overhead.CONFIG.replace("  environment", "  inputs: [data]\n  environment")
    _project(place, config, "print(1)\n", ignored="data\n")
    find = "find data -printf '%p %i %s %T@ %C@\\n'"
    ours = in_pairs(f"{REPROBOX} run config.yaml", find, place, sizes.few)
    (place / "plain.yaml").write_text(overhead.CONFIG)
    shell(f"git add -A && {COMMIT}", place)
    without = in_pairs(f"{REPROBOX} run plain.yaml", find, place, sizes.few)
    extra = ours.wall - without.wall
    return Row(
        f"{sizes.small:,} inputs of 50 kB: a later run",
        f"{extra / ours.theirs:.1f} times ({extra:+.0f} ms, {_more(ours, without)} of the "
        "processor)",
        f"`find -printf` of them ({ours.theirs:.0f} ms)",
        "≤ 2",
    )


def _same_output(sizes: Sizes, place: Path) -> Row:
    place.mkdir()
    size = 256 if sizes is FULL else 16
    program = f"open('large', 'wb').write(b'reprobox' * ({size} << 17))\n"
    _project(place, overhead.CONFIG, program, ignored="large\n")
    shell(f"{REPROBOX} run config.yaml && {REPROBOX} replay latest", place)
    used = int(overhead.said("du", "-sm", ".reprobox/runs", cwd=place).split()[0])
    return Row(
        f"an output of {size} MiB and the same of its replay, on the disk",
        f"{used / size:.2f} times",
        "the output once",
        "1",
    )


def _project(place: Path, config: str, program: str, ignored: str) -> None:
    (place / "config.yaml").write_text(config)
    (place / "job.py").write_text(program)
    (place / ".gitignore").write_text(ignored)
    shell(f"git init -q && {REPROBOX} lock && {REPROBOX} build && git add -A && {COMMIT}", place)


# --- rules and masking


def rules(sizes: Sizes, place: Path) -> Iterator[Row]:
    """Files that are compared by their content; secrets in what a program writes."""
    from reprobox.judge.reader import Reader
    from reprobox.model.spec import OutputRule

    for side in ("a", "b"):
        (place / side).mkdir()
        for number in range(sizes.judged):
            document = {"loss": number / 7, "time": random.Random(f"{side}{number}").random()}
            (place / side / f"{number}.json").write_text(json.dumps(document))
    rule = OutputRule(pattern="*", compare="content")
    begun = time.perf_counter()
    with Reader() as reader:
        for number in range(sizes.judged):
            name = f"{number}.json"
            reader.look(place / "a" / name, place / "b" / name, rule)
    took = time.perf_counter() - begun
    yield Row(f"rule `content` on {sizes.judged:,} small files", f"{took:.1f} s", "", "≤ 15 s")
    sys.path.insert(0, str(TOP / "reprobox/runtime/payload"))
    import _reprobox_secrets as secrets

    value = "hunter2-of-the-deep"
    data = (value.encode() + b" ") * ((32 << 20) // (len(value) + 1))
    values = secrets.patterns([value.encode()])
    begun = time.process_time()
    secrets.masked(data, values)
    took = time.process_time() - begun
    yield Row("masking a dense secret in 32 MiB, processor time", f"{took:.2f} s", "", "≤ 0.5 s")


def profile(sizes: Sizes, place: Path) -> Iterator[Row]:
    """A training under a profile, next to one that pins nothing."""
    import torch_python

    options = argparse.Namespace(python=str(torch_python.torch_python()))
    found: dict[str, list[float]] = {"portable-avx2": [], "observe": []}
    for _ in range(2):
        for name, times in found.items():
            said = determinism.run(options, name, "resnet", str(sizes.steps))["resnet"]
            times.append(float(str(said)))
    ours, theirs = (min(times) for times in found.values())
    yield Row(
        "`portable-avx2`: a step of ResNet-18, 16 pictures of 128 × 128, processor time",
        f"{ours / theirs:.2f} times ({ours / 1000:.2f} s)",
        f"profile `observe` ({theirs / 1000:.2f} s)",
        "≤ 1.25",
        short=True,
    )


PARTS: dict[str, Callable[[Sizes, Path], Iterator[Row]]] = {
    "run": run,
    "many": many,
    "build": build,
    "store": store,
    "share": share,
    "files": files,
    "rules": rules,
    "profile": profile,
}
PEERS = {
    "docker": "docker version --format {{.Server.Version}}",
    "git": "git --version",
    "uv": "uv --version",
    "zstd": "zstd --version",
    "openssl": "openssl version",
    "openssh": "ssh -V",
}


def versions() -> str:
    """The peers, and the load that the machine had."""
    found = [f"Python {platform.python_version()}", f"Linux {platform.release()}"]
    for name, command in PEERS.items():
        if shutil.which(command.split()[0]):
            said = overhead.said("sh", "-c", f"{command} 2>&1", cwd=Path("/"))
            number = re.search(r"v?(\d+\.\d+[\w.]*)", said)
            found.append(f"{name} {number[1] if number else '?'}")
    load = os.getloadavg()[0]
    state = "idle" if load < 0.5 else "LOADED BY OTHERS: times are too long, ratios are rough"
    peers = ", ".join([*found, *uploads.versions()])
    return f"{os.cpu_count()} processors, load {load:.1f} ({state}); {peers}"


def write(page: Path, lines: list[str]) -> None:
    """Puts the table between the marks of a page."""
    text = page.read_text()
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"{page} has no marks for the table")
    page.write_text("".join([before, mark, "\n\n", "\n".join(lines), "\n\n", end, after]))


def merged(page: Path, rows: list[str]) -> list[str]:
    """The rows that a page has, those that were measured again in their place, and new ones below.
    Rows are the same where their first columns are, numbers aside.
    """
    table = page.read_text().partition(BEGIN)[2].partition(END)[0].partition(HEAD)[2]
    known = {_key(line): line for line in table.splitlines() if line.startswith("|")}
    return list((known | {_key(row): row for row in rows}).values())


def _key(row: str) -> str:
    return re.sub(r"[\d.,]+", "#", row.split("|")[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.quick and options.write:
        parser.error("--quick shows whether it works; its figures do not belong in a page")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as an installed program: compiled once
    sizes = QUICK if options.quick else FULL
    facts = f"{versions()}; {sizes.pairs} pairs."
    print(f"{facts}\n\n{HEAD}", flush=True)
    rows: list[Row] = []
    for part in options.only:
        with tempfile.TemporaryDirectory(prefix="bench-") as place:
            for row in PARTS[part](sizes, Path(place)):
                rows.append(row)
                print(row, flush=True)
    if options.write:
        _write(facts, rows, whole=set(options.only) == set(PARTS))


def _write(facts: str, rows: list[Row], *, whole: bool) -> None:
    """Args: `whole` says that every part was measured, so that no row of the pages is kept."""
    for page, lines, before in (
        (TOP / "docs/performance.md", rows, [*textwrap.wrap(facts, 100), ""]),
        (TOP / "README.md", [row for row in rows if row.short], []),
    ):
        texts = list(map(str, lines))
        write(page, [*before, *HEAD.split("\n"), *(texts if whole else merged(page, texts))])


if __name__ == "__main__":
    main()
