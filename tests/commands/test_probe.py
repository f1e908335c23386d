"""What a program can see of the machine: the same on another file system, or named."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_project import Project

pytestmark = pytest.mark.engine

PROBE = r"""
import getpass, glob, hashlib, json, locale, multiprocessing, os, pathlib, platform, pwd, random
import resource, shutil, signal, socket, subprocess, sys, tempfile, threading, time, uuid

facts = {}

def fact(name, ask):
    try:
        facts[name] = repr(ask())
    except Exception as error:
        facts[name] = f"{type(error).__name__}: {error}"

class Plain:
    pass

DATA = "data"
ORDERS = {
    "listdir": lambda: os.listdir(DATA),
    "scandir": lambda: [one.name for one in os.scandir(DATA)],
    "walk": lambda: list(os.walk(DATA)),
    "iterdir": lambda: [one.name for one in pathlib.Path(DATA).iterdir()],
    "glob": lambda: glob.glob(DATA + "/**", recursive=True),
    "rglob": lambda: [str(one) for one in pathlib.Path(DATA).rglob("*")],
    "listdir of a descriptor": lambda: os.listdir(os.open(DATA, os.O_RDONLY)),
    "find": lambda: subprocess.check_output(["find", DATA]),
    "ls -U": lambda: subprocess.check_output(["ls", "-U", DATA]),
    "ls -f": lambda: subprocess.check_output(["ls", "-f", DATA]),
    "tar": lambda: subprocess.check_output(["sh", "-c", "tar c data | tar t"]),
    "du": lambda: subprocess.check_output(["sh", "-c", "du -a --apparent-size data | cut -f2"]),
    "grep -r": lambda: subprocess.check_output(["grep", "-r", "x", DATA]),
    "order of objects": lambda: [one.number for one in {made(number) for number in range(40)}],
    "order of text": lambda: list({str(number) for number in range(40)}),
    "order of frozensets": lambda: list({frozenset([number]) for number in range(20)}),
}

def made(number):
    one = Plain()
    one.number = number
    return one

SEEN = {
    "cpu_count": os.cpu_count, "multiprocessing": multiprocessing.cpu_count,
    "host name": socket.gethostname, "node": platform.node, "fqdn": socket.getfqdn,
    "user": getpass.getuser, "passwd": lambda: pwd.getpwuid(os.getuid()).pw_name,
    "home": lambda: pathlib.Path.home(), "cwd": os.getcwd, "temporary": tempfile.gettempdir,
    "pid": os.getpid, "ppid": os.getppid, "umask": lambda: os.umask(0o22), "nice": lambda: os.nice(0),
    "locale": locale.getlocale, "encoding": sys.getfilesystemencoding, "time zone": lambda: time.tzname,
    "environment": lambda: sorted(os.environ.items()), "path": lambda: sys.path,
    "argv": lambda: sys.argv, "flags": lambda: sys.flags, "hash": lambda: hash("text"),
    "random": random.random, "id": lambda: id(Plain()), "repr": lambda: repr(Plain()),
    "recursion": sys.getrecursionlimit, "threads": threading.active_count,
    "signals": lambda: signal.getsignal(signal.SIGPIPE), "machine": platform.machine,
    "python": lambda: sys.version, "libc": platform.libc_ver, "uuid of a name":
    lambda: uuid.uuid5(uuid.NAMESPACE_DNS, "x"), "limits": lambda: {
        name: resource.getrlimit(getattr(resource, name)) for name in dir(resource)
        if name.startswith("RLIMIT") and name not in ("RLIMIT_NPROC", "RLIMIT_SIGPENDING")},
    "times of files": lambda: [os.stat(name).st_mtime for name in ("train.py", "config.yaml")],
    "modes": lambda: [oct(os.stat(one).st_mode) for one in (".", "data", "train.py")],
    "sizes of files": lambda: [one.stat().st_size for one in sorted(pathlib.Path(DATA).iterdir())],
    "owner": lambda: os.stat("train.py").st_uid, "interfaces": socket.if_nameindex,
    "devices": lambda: sorted(os.listdir("/dev")), "root": lambda: sorted(os.listdir("/")),
    "processes": lambda: [one for one in os.listdir("/proc") if one.isdigit()],
    "commit": lambda: open(".git/HEAD").read(),
    "size of /tmp": lambda: shutil.disk_usage("/tmp").total,
    "size of /dev/shm": lambda: shutil.disk_usage("/dev/shm").total,
    "memory map": lambda: [
        [line.split()[0], line.split()[-1]] for line in open("/proc/self/maps")
        if line.split()[-1].startswith(("/usr", "[stack", "[heap"))],
}
MACHINE = {
    "device": lambda: os.stat(".").st_dev, "inode": lambda: os.stat("train.py").st_ino,
    "size of a directory": lambda: os.stat("data").st_size, "blocks": lambda: os.stat("train.py").st_blocks,
    "free disk": lambda: os.statvfs(".").f_bavail, "disk": lambda: os.statvfs(".").f_blocks,
    "links of a directory": lambda: os.stat("data").st_nlink,
    "largest name": lambda: os.pathconf(".", "PC_NAME_MAX"), "block size": lambda: os.statvfs(".").f_bsize,
    "boot": lambda: open("/proc/sys/kernel/random/boot_id").read(), "up": time.monotonic,
    "clock": time.time, "load": os.getloadavg, "mounts": lambda: open("/proc/self/mounts").read(),
    "times of directories": lambda: os.stat("data").st_ctime, "access": lambda: os.stat("train.py").st_atime,
    "memory": lambda: os.sysconf("SC_AVPHYS_PAGES"), "processor time": time.process_time,
    "entropy": lambda: os.urandom(4), "container": lambda: open("/proc/self/cgroup").read(),
}
for name, ask in (*ORDERS.items(), *SEEN.items(), *MACHINE.items()):
    fact(name, ask)
json.dump({"facts": facts, "machine": sorted(MACHINE)}, open("facts.json", "w"), indent=1)
"""


@pytest.fixture
def another_file_system(project: Project) -> Iterator[Path]:
    """A directory in memory, which lists names in the order of their creation."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == project.top.stat().st_dev:
        pytest.skip("no second file system")
    place = Path(tempfile.mkdtemp(dir=memory, prefix="reprobox-test-"))
    yield place
    shutil.rmtree(place)


def facts(project: Project, run: str) -> dict[str, object]:
    text = (project.top / ".reprobox/runs" / run / "outputs/facts.json").read_text()
    found: dict[str, object] = json.loads(text)
    return found


def test_what_differs_is_the_machines_own_and_documented(
    project: Project, another_file_system: Path, tmp_path: Path
) -> None:
    names = ["zebra", "apple", "m", "Z", *(f"{number}" for number in range(60, 0, -7))]
    for name in names:
        project.write(f"data/{name}", "x\n")
    text = (project.top / "config.yaml").read_text()
    project.write("config.yaml", text.replace("[data/numbers.txt]", "[data]"))
    project.write(".gitignore", "data/[0-9]*\n")
    project.write("train.py", PROBE)
    project.commit()
    original = project.run()["id"]
    assert project("export", original, "-o", str(tmp_path / "b.rbx")).code == 0
    there = Project(another_file_system, project.env)
    assert there("import", str(tmp_path / "b.rbx")).code == 0
    said = there("replay", original, "--json")
    assert said.code == 1, said.err
    assert any("file system" in cause["what"] for cause in said.json["causes"])
    (replay,) = set(there.runs()) - {original}
    ours, theirs = facts(project, original), facts(there, replay)
    before, after = ours["facts"], theirs["facts"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert len(before) > 75
    differ = {name for name in before if before[name] != after[name]}
    machine = ours["machine"]
    assert isinstance(machine, list)
    assert {name: (before[name], after[name]) for name in differ - set(machine)} == {}
    assert not any("Error" in value for value in before.values()), before
    assert os.path.exists(there.top)
