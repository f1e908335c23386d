"""Looks for false verdicts and false records with generated programs and states: `make hunt`.

    python tests/hunt.py [--minutes N] [--seed N] [verdicts] [records]

`verdicts`: a project with inputs of every kind and a program that looks at them in generated ways.
It is run; something is changed (an input, the program, the file system, the number of CPUs, the
engine); it is replayed. The oracle compares the two output trees itself: *identical* needs equal bytes,
*different* needs others, a refusal needs a change that is a reason for it. What the program saw of
its inputs has to be what lay on the host when it ran.

`records`: a record with one field exchanged, sealed anew. It is shown, verified, exported,
imported into an empty project and replayed there; each step either refuses with an error of its
own, or runs what the record asks for.

Ends with 1 where something was found. Needs a container engine; a second file system is
/dev/shm, a third one a loopback ext4 where this process may mount one; the second engine is a
daemon of the hunt's own where it can start one (root).
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import hashlib
import json
import os
import random
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[1]
sys.path[:0] = [str(TOP), str(TOP / "tests/support")]

import small_project  # noqa: E402
from flow_project import Project, Said, make_project  # noqa: E402
from images_of_our_own import archive, chunks, python_layer  # noqa: E402
from second_engine import SecondEngine  # noqa: E402

from reprobox.engine.docker import DockerEngine  # noqa: E402
from reprobox.kit import canon  # noqa: E402
from reprobox.lock import lock_file  # noqa: E402
from reprobox.model.image import tag_of  # noqa: E402
from reprobox.store.project import open_project  # noqa: E402

SEEN = """
import hashlib, json, os, sys
def seen(top):
    found = []
    for folder, names, files in os.walk(top):
        for name in names + files:
            path = os.path.join(folder, name)
            shown = os.path.relpath(path, top).encode("utf-8", "surrogateescape").hex()
            if os.path.isdir(path):
                found.append([shown, "dir", ""])
            elif os.path.exists(path):
                data = open(path, "rb").read()
                found.append([shown, "file", hashlib.sha256(data).hexdigest()])
            else:
                found.append([shown, "dangling", ""])
    return sorted(found)
"""
LOOKS = {
    "order": "[os.listdir(folder) for folder, _, _ in os.walk(b'data')]",
    "scandir": "[one.name for one in os.scandir('data')]",
    "sizes": "sorted(os.path.getsize(os.path.join(f, n)) for f, _, ns in os.walk('data') "
    "for n in ns if os.path.exists(os.path.join(f, n)))",
    "modes": "sorted(oct(os.lstat(os.path.join(f, n)).st_mode) for f, _, ns in os.walk('data') "
    "for n in ns)",
    "times": "[os.stat('data').st_mtime]",
    "cpus": "[os.cpu_count(), len(os.sched_getaffinity(0))]",
    "objects": "[one.n for one in {Plain(n) for n in range(40)}]",
    "texts": "list({str(n) for n in range(40)})",
    "random": "random.random()",
    "clock": "time.time_ns()",
    "entropy": "os.urandom(4)",
    "device": "os.stat('data').st_dev",
    "free": "os.statvfs('.').f_bavail",
    "host": "[socket.gethostname(), os.getcwd(), os.path.expanduser('~'), os.getuid()]",
    "environment": "sorted(os.environ)",
    "limits": "resource.getrlimit(resource.RLIMIT_NOFILE)",
    "commit": "open('.git/HEAD').read()",
    "constant": "7",
}
"""What a program writes down of its surroundings."""
LEAVES = (
    "os.makedirs('out/empty', exist_ok=True)",
    "os.symlink('seen.json', 'out/link')",
    "os.symlink('nowhere', 'out/dangling')",
    "open('out/a b\\nc', 'w').write('odd')",
    "open(b'out/\\xff\\xfe', 'w').write('odd')",
    "open('out/tool', 'w').write('x'); os.chmod('out/tool', 0o755)",
    "open('/tmp/left', 'w').write('x')",
    "print('said')",
    "sys.exit(3)",
)
"""What it leaves behind."""


class World:
    """An image, a locked project of it, and places on several file systems."""

    def __init__(self, home: Path) -> None:
        self.home, self.count = home, 0
        self.ends: Counter[str] = Counter()
        """How cases ended."""
        self.engine = DockerEngine()
        self.tag = f"reprobox-hunt/base:{secrets.token_hex(4)}"
        self.engine.load(chunks(archive(python_layer()[0], self.tag)))
        (home / ".gitconfig").write_text("[user]\n\tname = A\n\temail = a@example.invalid\n")
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "DOCKER_HOST")}
        self.env = {
            **kept,
            "HOME": str(home),
            "REPROBOX_HOME": str(home / "store"),
            "PYTHONPATH": str(TOP),
            "PIP_NO_INDEX": "1",
            "UV_OFFLINE": "1",
            "TZ": "UTC",
        }
        self.places = [home / "here"]
        self.places[0].mkdir()
        self.elsewhere: dict[str, str] = {}
        """What leads a command to the second engine."""
        self.template = self._template()

    def _template(self) -> Project:
        top = self.home / "template"
        top.mkdir()
        made = make_project(top, self.env)
        base = self.home / "base.tar"
        with base.open("wb") as file:
            file.writelines(self.engine.save(self.tag))
        text = small_project.config(f'{{archive: "{base}"}}')
        made.write("config.yaml", f"{text}  inputs: [data]\n")
        made.write(".gitignore", "data/\n")
        shutil.rmtree(top / "data")
        made.git("rm", "-rq", "--cached", "data")
        (top / "data").mkdir()
        made.write("data/one", "1")
        made.commit("small")
        for verb in ("lock", "build"):
            said = made(verb)
            assert said.code == 0, said.err
        made.commit("lock")
        shutil.rmtree(top / "data")
        return made

    def project(self, place: Path) -> Project:
        """A fresh copy of the project."""
        self.count += 1
        top = place / f"case {self.count}"
        shutil.copytree(self.template.top, top, symlinks=True)
        return Project(top, self.env)

    def close(self) -> None:
        """Removes the images."""
        lock = lock_file.read(self.template.top / "reprobox.lock")
        made = tag_of(lock_file.digest(lock))
        names = [self.tag]
        if found := self.engine.inspect(made):
            names += [*found.repo_digests, made]
        for name in names:
            with contextlib.suppress(Exception):
                self.engine.remove_image(name)


class Clock:
    """Processor time of the hunt: its commands, and where it is root also both engines and the
    programs in their containers, which are put into one control group.
    """

    def __init__(self) -> None:
        self.group, self._used = "", Path()
        v1, v2 = Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup")
        top = v1 if v1.is_dir() else v2
        name = f"reprobox-hunt-{os.getpid()}"
        with contextlib.suppress(OSError):
            # Of version 2 a group has either processes or groups below it.
            own = top / name / "own"
            own.mkdir(parents=True)
            (own / "cgroup.procs").write_text(str(os.getpid()))
            self._used = top / name / ("cpuacct.usage" if top is v1 else "cpu.stat")
            self.group = f"/{name}"

    def seconds(self) -> str:
        """Of all, and of the commands alone."""
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        used = map(resource.getrusage, kinds)
        own = f"{sum(one.ru_utime + one.ru_stime for one in used):.0f} s of the commands"
        if not self.group:
            return own
        words = self._used.read_text().split()
        whole = int(words[0]) / 1e9 if len(words) == 1 else int(words[1]) / 1e6
        return f"{whole:.0f} s with the engines and containers, {own}"

    def close(self) -> None:
        """Removes the group, where all have left it."""
        if self.group:
            top = self._used.parent
            with contextlib.suppress(OSError):
                (top.parent / "cgroup.procs").write_text(str(os.getpid()))
                for path in (*top.iterdir(), top):
                    if path.is_dir():
                        path.rmdir()


@contextlib.contextmanager
def file_systems(world: World) -> Iterator[None]:
    """Memory, and a loopback ext4 where one can be mounted."""
    memory = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="reprobox-hunt-"))
    world.places.append(memory)
    image, mounted = world.home / "disk.img", world.home / "disk"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(400 << 20)
    there = all(
        subprocess.run(argv, capture_output=True).returncode == 0
        for argv in (["mkfs.ext4", "-q", "-F", image], ["mount", "-o", "loop", image, mounted])
    )
    if there:
        world.places.append(mounted)
    try:
        yield
    finally:
        shutil.rmtree(memory, ignore_errors=True)
        if there:
            subprocess.run(["umount", mounted], check=False)


@contextlib.contextmanager
def second_engine(world: World, clock: Clock) -> Iterator[None]:
    """A daemon that has none of the images; left out where this is not root."""
    if os.geteuid():
        yield
        return
    second = SecondEngine(group=clock.group).start()
    world.elsewhere = {"DOCKER_HOST": second.url}
    try:
        yield
    finally:
        second.close()


@contextlib.contextmanager
def first_engine(clock: Clock) -> Iterator[None]:
    """A daemon for this hunt alone, so that its processor time can be counted."""
    if os.geteuid():
        yield
        return
    first = SecondEngine(group=clock.group).start()
    os.environ["DOCKER_HOST"] = first.url
    try:
        yield
    finally:
        first.close()


# ---- verdicts


def write_inputs(top: Path, rng: random.Random) -> None:
    """Files, directories and links with names of every kind."""
    names = ["zebra", "apple", "Z", "a b", "-rf", "$HOME", "x\ny", "ä", "\udcff", "1", "10", "2"]
    top.mkdir()
    (top / "plain").write_bytes(rng.randbytes(40))
    folders = [top]
    for _ in range(rng.randint(0, 3)):
        folder = rng.choice(folders) / rng.choice(names)
        if not folder.exists():
            folder.mkdir()
            folders.append(folder)
    for _ in range(rng.randint(1, 8)):
        path = rng.choice(folders) / f"{rng.choice(names)}{rng.choice(['', '.txt'])}"
        if path.exists() or path.is_symlink():
            continue
        if rng.random() < 0.2:
            targets = [one for one in top.rglob("*") if one.is_file()]
            path.symlink_to(os.path.relpath(rng.choice(targets), path.parent) if targets else ".")
        else:
            path.write_bytes(rng.randbytes(rng.choice((0, 1, 100, 5000))))
            path.chmod(rng.choice((0o644, 0o644, 0o600, 0o755, 0o444)))


def program(rng: random.Random) -> str:
    """Looks at some things and leaves some others."""
    looks = rng.sample(list(LOOKS), rng.randint(1, 5))
    lines = ["import random, resource, socket, time", "class Plain:"]
    lines += ["    def __init__(self, n):", "        self.n = n", "os.makedirs('out')"]
    lines += ["json.dump(seen('data'), open('out/seen.json', 'w'))"]
    lines += [f"open('out/{name}', 'w').write(repr({LOOKS[name]}))" for name in looks]
    lines += rng.sample(LEAVES, rng.randint(0, 3))
    lines.sort(key=lambda line: line == "sys.exit(3)")
    return SEEN + "\n".join(lines) + "\n"


def seen(top: Path) -> Any:
    """What the program should have seen; by the same code."""
    space: dict[str, Any] = {}
    exec(SEEN, space)  # our own text
    return space["seen"](str(top))


def _any_file(project: Project, rng: random.Random) -> Path:
    files = [one for one in (project.top / "data").rglob("*") if one.is_file()]
    plain = sorted(one for one in files if not one.is_symlink())
    return rng.choice(plain)


def _rewrite(path: Path, data: bytes) -> None:
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(mode)


def _edit(project: Project, text: str) -> None:
    path = project.top / "train.py"
    path.write_text(path.read_text() + text)


Change = Callable[[Project, random.Random], None]
CHANGES: dict[str, tuple[Change, frozenset[int]]] = {
    "nothing": (lambda project, rng: None, frozenset()),
    "an input's time": (lambda p, r: os.utime(_any_file(p, r), (1e9, 1e9)), frozenset()),
    "the same bytes": (
        lambda p, r: _rewrite(path := _any_file(p, r), path.read_bytes()),
        frozenset(),
    ),
    "an input": (lambda p, r: _rewrite(_any_file(p, r), b"changed"), frozenset({13})),
    "an input is gone": (lambda p, r: _any_file(p, r).unlink(), frozenset({13})),
    "an input more": (lambda p, r: (p.top / "data/more").touch(), frozenset({13})),
    "an empty directory more": (lambda p, r: (p.top / "data/void").mkdir(), frozenset({13})),
    "permissions": (lambda p, r: _any_file(p, r).chmod(0o640), frozenset({13})),
    "the program, not committed": (lambda p, r: _edit(p, "print('edited')\n"), frozenset()),
    "the program, committed": (
        lambda p, r: (_edit(p, "print('edited')\n"), p.commit())[1] and None,
        frozenset(),
    ),
    "the config": (
        lambda p, r: p.write("config.yaml", "reprobox: {command: [other]}\n"),
        frozenset(),
    ),
    "the lock is gone": (lambda p, r: (p.top / "reprobox.lock").unlink(), frozenset()),
}
"""Each with the exit codes of a refusal that it is a reason for."""


def tree(top: Path) -> dict[str, Any]:
    """Outputs as they are: kinds, bytes, link texts, the executable bit."""
    found: dict[str, Any] = {}
    for folder, names, files in os.walk(os.fsencode(top)):
        for name in names + files:
            path = os.path.join(folder, name)
            key = os.path.relpath(path, os.fsencode(top)).hex()
            if os.path.islink(path):
                found[key] = ("link", os.readlink(path))
            elif os.path.isdir(path):
                found[key] = ("dir",)
            else:
                with open(path, "rb") as file:
                    held = hashlib.sha256(file.read()).hexdigest()
                found[key] = ("file", held, bool(os.stat(path).st_mode & 0o111))
    return found


def truth(project: Project, one: str, other: str) -> bool:
    """Whether two runs left the same, asked of their directories and not of the product."""
    sides = []
    for run in (one, other):
        path = project.top / ".reprobox/runs" / run
        record = json.loads((path / "record.json").read_bytes())
        stdout = (path / "stdout").read_bytes() if (path / "stdout").exists() else b""
        sides.append((tree(path / "outputs"), stdout, record["exit"]["code"]))
    return sides[0] == sides[1]


def verdict_case(world: World, rng: random.Random) -> tuple[str, str]:
    """One case; what was changed, and what is wrong with the answer."""
    project = world.project(rng.choice(world.places))
    write_inputs(project.top / "data", rng)
    project.write("train.py", program(rng))
    project.commit()
    expected = seen(project.top / "data")
    said = project("run", "config.yaml", "--json")
    if said.code not in (0, 3):
        if said.code == 13 and "link" in said.err:
            return "a link that cannot be followed", ""
        return "run", f"exit {said.code}: {said.err}"
    original = json.loads(said.out)["id"]
    found = project.top / ".reprobox/runs" / original / "outputs/out/seen.json"
    if json.loads(found.read_bytes()) != expected:
        return "run", f"the program saw {found.read_text()}, and the host has {expected}"
    what = rng.choice(list(CHANGES))
    change, refusals = CHANGES[what]
    change(project, rng)
    words: list[str] = []
    if rng.random() < 0.4:
        words, what = ["taskset", "-c", "0"], f"{what}, one CPU"
    if rng.random() < 0.5:
        place = rng.choice(world.places)
        moved = place / f"moved {world.count}"
        shutil.move(project.top, moved)
        project, what = Project(moved, world.env), f"{what}, moved"
    if world.elsewhere and rng.random() < 0.4:
        project = Project(project.top, {**world.env, **world.elsewhere})
        what = f"{what}, another engine"
    return what, _judged(world, project, original, refusals, words)


def _judged(
    world: World, project: Project, original: str, refusals: frozenset[int], words: list[str]
) -> str:
    before = set(os.listdir(project.top / ".reprobox/runs"))
    argv = [*words, sys.executable, "-m", "reprobox.cli.main", "replay", original]
    done = subprocess.run(
        [*argv, "--json", "--strict"], cwd=project.top, env=project.env, capture_output=True
    )
    said = Said(done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "replace"))
    if said.code in refusals and "next:" in said.err + said.out:
        world.ends["refused for its change"] += 1
        return ""
    new = set(os.listdir(project.top / ".reprobox/runs")) - before
    if said.code not in (0, 1, 60) or len(new) != 1:
        return f"exit {said.code}: {said.err or said.out}"
    (replay,) = new
    same, result = truth(project, original, replay), json.loads(said.out)["result"]
    world.ends[result] += 1
    if (said.code == 0) != same and said.code != 60:
        return f"{result}, exit {said.code}, and the outputs are {'equal' if same else 'others'}"
    return ""


# ---- records

NASTY: list[Any] = [
    *("", " ", "..", "/", "/..", "/work/../proc", "/.reprobox/x", "a,b", "a=b", "a\nb", "-1"),
    *("host", "container:x", "all", "1g,suid,dev", "sha256:" + "1" * 64, "x" * 9000),
    *(-1, 0, 1, 2**31, 2**63, 2**70, 1.5, 1e308, True, False, None, [], {}, [""], {"a=b": "c"}),
]


def fields(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in a document."""
    yield at
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in pairs:
            yield from fields(part, (*at, key))


def near(value: Any, rng: random.Random) -> Any:
    """Another value of the same kind, or one of another."""
    if rng.random() < 0.5:
        return rng.choice(NASTY)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + rng.choice((1, -1, 1 << 20))
    if isinstance(value, str) and value:
        place = rng.randrange(len(value))
        letter = "0" if value[place] != "0" else "1"
        return value[:place] + letter + value[place + 1 :]
    if isinstance(value, list):
        return [*value, *value[:1]] if rng.random() < 0.5 else value[:-1]
    if isinstance(value, dict):
        return dict(list(value.items())[:-1])
    return "x"


def seal(run: Path, document: Any) -> None:
    """Writes a record with all that quotes it."""
    intent = document.get("intent")
    if isinstance(intent, dict) and isinstance(intent.get("runspec"), dict):
        intent["identity"] = canon.digest_bytes(canon.canonical(intent["runspec"]))
    for name, what in (("record.json", document), ("intent.json", intent)):
        (run / name).chmod(0o600)
        (run / name).write_bytes(canon.canonical(what))
    digest = canon.digest_bytes((run / "record.json").read_bytes())
    (run / "record.sha256").write_text(f"{digest}\n")


def record_case(world: World, rng: random.Random) -> tuple[str, str]:
    """One field of one record; what was changed, and what is wrong."""
    base = _recorded(world)
    project = Project(world.places[0] / f"record {world.count}", world.env)
    world.count += 1
    shutil.copytree(base.top, project.top, symlinks=True)
    (run,) = (project.top / ".reprobox/runs").iterdir()
    document = json.loads(open_project(project.top).record_bytes(run.name))
    places = [place for place in fields(document) if place and place != ("format",)]
    asked = [place for place in places if place[0] == "intent"]
    at = rng.choice(asked if rng.random() < 0.8 else places)
    forged = copy.deepcopy(document)
    inner = forged
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = near(inner[at[-1]], rng)
    what = f"{'.'.join(map(str, at))} = {json.dumps(inner[at[-1]])[:60]}"
    if inner[at[-1]] == _at(document, at):
        return what, ""
    try:
        seal(run, forged)
    except (ValueError, TypeError):
        return what, ""  # JSON cannot say it
    return what, _doors(world, project, run.name, forged)


def _at(document: Any, at: tuple[Any, ...]) -> Any:
    for key in at:
        document = document[key]
    return document


def _recorded(world: World) -> Project:
    """A project with one run; made once."""
    top = world.home / "recorded"
    if not top.exists():
        project = world.project(world.home)
        (project.top / "data").mkdir()
        project.write("data/one", "1")
        text = "import os\nos.makedirs('out')\nopen('out/x', 'w').write(open('data/one').read())\n"
        project.write("train.py", text)
        project.commit()
        said = project("run", "config.yaml", "--json")
        assert said.code == 0, said.err
        project.top.rename(top)
    return Project(top, world.env)


def _doors(world: World, project: Project, run: str, forged: Any) -> str:
    """Every command that reads the record, here and where it was imported."""
    bundle = project.top / "bundle"
    steps = [("show", run, "--json"), ("verify", run), ("export", run, "-o", str(bundle), *PARTS)]
    for words in steps:
        if fault := _crashed(said := project(*words)):
            return f"{words[0]}: {fault}"
    if said.code or not bundle.exists():
        world.ends[f"export refused: {said.err.splitlines()[0][:60]}"] += 1
        return ""
    there = Project(project.top.parent / f"{project.top.name} there", world.env)
    there.top.mkdir()
    shutil.copytree(project.top / "data", there.top / "data")
    said = there("import", str(bundle))
    if said.code:
        world.ends["import refused"] += 1
        return _crashed(said)
    for words in (("show", run, "--json"), ("verify", run)):
        if fault := _crashed(there(*words)):
            return f"{words[0]} where it was imported: {fault}"
    said = there("replay", run, "--json")
    if fault := _crashed(said):
        return f"replay: {fault}"
    if said.code in (0, 1, 60):
        world.ends["replayed"] += 1
        return _ran(there, run, forged)
    world.ends["replay refused"] += 1
    return ""


def _crashed(said: Said) -> str:
    if said.code == 70 or said.code < 0:  # a traceback with another code is the program's own
        return f"exit {said.code}: {said.err[-700:]}"
    if said.code not in (0, 1) and "error" not in said.err + said.out:
        return f"exit {said.code} without an error"
    return ""


def _ran(there: Project, run: str, forged: Any) -> str:
    """Whether the replay is a run of what the forged record asks for."""
    (replay,) = set(os.listdir(there.top / ".reprobox/runs")) - {run}
    record = json.loads((there.top / ".reprobox/runs" / replay / "record.json").read_bytes())
    asked, ran = forged["intent"]["runspec"], record["intent"]["runspec"]
    # A field that is absent has its default, as in records of earlier versions.
    asked, ran = (
        {key: value for key, value in spec.items() if value not in (None, False, "", [], {})}
        for spec in (asked, ran)
    )
    differ = {key for key in asked.keys() | ran.keys() if asked.get(key) != ran.get(key)}
    pins = [{**pin, "source": ""} for pin in asked.get("inputs", [])]
    if differ == {"inputs"} and pins == [{**pin, "source": ""} for pin in ran.get("inputs", [])]:
        differ = set()
    shown = {key: (asked.get(key), ran.get(key)) for key in differ}
    return f"what ran is not what was asked for: {shown}" if differ else ""


PARTS = ("--with", "code,outputs")
HUNTS = {"verdicts": verdict_case, "records": record_case}


def hunt(world: World, clock: Clock, names: list[str], until: float, seed: int) -> int:
    """Cases until the time is over; how many were wrong."""
    wrong, number = 0, seed
    done: Counter[str] = Counter()
    while time.monotonic() < until:
        name = names[number % len(names)]
        rng = random.Random(f"{name} {number}")
        what, fault = HUNTS[name](world, rng)
        done[name] += 1
        if fault:
            wrong += 1
            sys.stdout.write(f"{name} {number}: {what}: {fault[:1500]}\n")
        for place in world.places:
            for left in place.iterdir():
                if left.is_dir() and left.name != "lost+found":
                    shutil.rmtree(left, ignore_errors=True)
        number += 1
        if number % 10 == 0:
            sys.stdout.write(
                f"{dict(done)}, {wrong} wrong; processor time: {clock.seconds()}; "
                f"{dict(world.ends)}\n"
            )
        sys.stdout.flush()
    return wrong


def main() -> int:
    """The hunt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="HUNT", help=", ".join(HUNTS))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="number of the first case")
    said = parser.parse_args()
    until = time.monotonic() + 60 * said.minutes
    clock = Clock()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="reprobox-hunt-") as directory,
            first_engine(clock),
            contextlib.closing(World(Path(directory))) as world,
            file_systems(world),
            second_engine(world, clock),
        ):
            names = said.names or list(HUNTS)
            return int(hunt(world, clock, names, until, said.seed) > 0)
    finally:
        clock.close()


if __name__ == "__main__":
    raise SystemExit(main())
