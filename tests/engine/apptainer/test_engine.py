"""A real Apptainer: what a run sees, how it ends, and who may die meanwhile."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from images_of_our_own import PythonImage

from reprobox.engine import create_body
from reprobox.engine.apptainer import boxes
from reprobox.engine.apptainer.engine import ApptainerEngine
from reprobox.errors import EngineError, GpuUnavailable, ImageMissing
from reprobox.model.outcome import Container, Mount

LABELS = {"dev.reprobox.test": secrets.token_hex(4)}
TMP = dict.fromkeys(("/tmp", "/home/reprobox"), create_body.tmpfs("64m"))

TOP = Path(__file__).parents[3]
SEEN = """\
import json, os, socket, resource, ctypes, subprocess
def tried(what):
    try:
        return str(what())
    except OSError as fault:
        return type(fault).__name__
def program():
    open("/tmp/p", "w").write("#!/bin/sh\\necho ran")
    os.chmod("/tmp/p", 0o755)
    return subprocess.run(["/tmp/p"], capture_output=True, text=True).stdout.strip()
def loopback():
    with socket.create_server(("127.0.0.1", 0)) as s, socket.create_connection(s.getsockname(), 5):
        return "ok"
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(json.dumps({
    "env": dict(os.environ), "pid": os.getpid(), "uid": os.getuid(), "cwd": os.getcwd(),
    "host": os.uname().nodename, "lookup": tried(lambda: socket.gethostbyname("box")),
    "nets": [name for _, name in socket.if_nameindex()], "loopback": tried(loopback),
    "out": tried(lambda: socket.create_connection(("10.255.255.53", 53), 2)),
    "root": tried(lambda: open("/new", "w")), "usr": tried(lambda: open("/usr/new", "w")),
    "input": tried(lambda: open("/data/new", "w")), "sys": tried(lambda: open("/sys/kernel/mm/ksm/run", "w")),
    "sysctl": tried(lambda: open("/proc/sys/kernel/hostname", "w")),
    "program": tried(program), "fds": sorted(os.listdir("/proc/self/fd"))[:3],
    "stdin": os.readlink("/proc/self/fd/0"), "caps": status["CapEff"], "privs": status["NoNewPrivs"],
    "umask": status["Umask"], "core": resource.getrlimit(resource.RLIMIT_CORE),
    "modes": [oct(os.stat(p).st_mode & 0o7777) for p in ("/tmp", "/home/reprobox")],
    "personality": ctypes.CDLL(None).personality(0x0040000),
    "host_files": [p for p in ("/etc/apt", "/root/.bashrc", "/home/reprobox/.bashrc") if os.path.exists(p)],
}))
open("/work/made", "w").write("x")
"""
"""What a program finds; each line is one promise."""


@pytest.fixture
def make(
    apptainer: ApptainerEngine, image: PythonImage, tmp_path: Path
) -> Iterator[Callable[..., str]]:
    """Creates a container with a Python program; its ID."""
    made: list[str] = []

    def create(program: str, on: ApptainerEngine = apptainer, **more: Any) -> str:
        (tmp_path / "prog.py").write_text(program)
        container = Container(
            image=image.tag,
            argv=(image.python, "-I", "-S", "/work/prog.py"),
            name=f"test-{secrets.token_hex(4)}",
            labels=LABELS,
            env={"HOME": "/home/reprobox"},
            workdir="/work",
            mounts=(Mount(source=str(tmp_path), target="/work", read_only=False),),
            tmpfs=TMP,
        )
        made.append(on.create(replace(container, **more)))
        return made[-1]

    yield create
    for one in made:
        apptainer.remove(one)


def lives(place: Path) -> None:
    """Waits for a file that a program makes when it listens."""
    until = time.monotonic() + 60
    while not place.exists():
        assert time.monotonic() < until
        time.sleep(0.01)


LISTENS = """\
import os, signal, sys, time
def end(number, frame):
    open("/work/ended", "w").write(str(number))
    sys.exit(7)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, {})
open("/work/listens", "w")
while True:
    time.sleep(0.05)
"""


def test_what_a_run_sees(
    apptainer: ApptainerEngine, make: Callable[..., str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("APPTAINER_BIND", "/etc")
    monkeypatch.setenv("APPTAINERENV_LD_PRELOAD", "/evil.so")
    (tmp_path / "data, x").mkdir()
    mounts = (
        Mount(source=str(tmp_path), target="/work", read_only=False),
        Mount(source=str(tmp_path / "data, x"), target="/data"),
    )
    env = {"A": "$(id) `id` 'q' \"\n", "HOME": "/home/reprobox"}
    box = make(SEEN, env=env, mounts=mounts, hostname="box")
    apptainer.start(box)
    ended = apptainer.wait(box, 60)
    assert (ended.status, ended.exit_code) == ("exited", 0), apptainer.logs(box)
    seen = json.loads(apptainer.logs(box))
    added = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOSTNAME": "box"}
    assert seen.pop("env") == {**env, **added}
    refused = dict.fromkeys(("root", "usr", "input"), "OSError")
    assert {key: seen[key] for key in refused} == refused
    assert seen["out"] in ("OSError", "TimeoutError")
    assert (seen["sys"], seen["sysctl"]) == ("OSError", "OSError")
    expected = {
        "pid": 1,
        "uid": os.getuid(),
        "cwd": "/work",
        "host": "box",
        "lookup": "127.0.0.1",
        "nets": ["lo"],
        "loopback": "ok",
        "program": "ran",
        "fds": ["0", "1", "2"],
        "stdin": "/dev/null",
        "caps": "0" * 16,
        "privs": "1",
        "umask": "0022",
        "core": [0, 0],
        "modes": ["0o1777", "0o1777"],
        "personality": 0,
        "host_files": [],
    }
    assert {key: seen[key] for key in expected} == expected
    made = (tmp_path / "made").stat()
    assert (made.st_uid, made.st_gid) == (os.getuid(), os.getgid())


@pytest.mark.parametrize(
    ("handler", "grace", "code"), [("end", 20.0, 7), ("signal.SIG_IGN", 0.3, 137)]
)
def test_stop_asks_first_and_kills_after_the_grace(
    apptainer: ApptainerEngine,
    make: Callable[..., str],
    tmp_path: Path,
    handler: str,
    grace: float,
    code: int,
) -> None:
    box = make(LISTENS.format(handler))
    apptainer.start(box)
    lives(tmp_path / "listens")
    apptainer.stop(box, grace)
    there = apptainer.wait(box, 30)
    assert (there.status, there.exit_code) == ("exited", code)
    assert (tmp_path / "ended").exists() == (code == 7)
    apptainer.stop(box, 1)
    apptainer.kill(box)


def test_a_signal_reaches_the_program(
    apptainer: ApptainerEngine, make: Callable[..., str], tmp_path: Path
) -> None:
    box = make(LISTENS.format("end"))
    apptainer.start(box)
    lives(tmp_path / "listens")
    assert apptainer.wait(box, 0.05).status == "running"
    apptainer.signal(box, "SIGINT")
    assert apptainer.wait(box, 30).exit_code == 7
    assert (tmp_path / "ended").read_text() == str(int(signal.SIGINT))


def test_containers_are_named_taken_found_and_removed(
    apptainer: ApptainerEngine, make: Callable[..., str], image: PythonImage, tmp_path: Path
) -> None:
    name = f"test-{secrets.token_hex(4)}"
    box = make("raise SystemExit(3)", name=name)
    assert make("raise SystemExit(3)", name=name) == box
    with pytest.raises(EngineError, match="Another container has this name"):
        make("raise SystemExit(3)", name=name, labels={"other": "x"})
    there = apptainer.state(name)
    assert there is not None
    assert (there.status, there.exit_code, there.started) == ("created", None, "")
    assert apptainer.wait(box, 5).status == "created"
    apptainer.start(box)
    assert apptainer.wait(box, 60).exit_code == 3
    with pytest.raises(EngineError, match="started before"):
        apptainer.start(box)
    assert [one.id for one in apptainer.find(LABELS)] == [box]
    assert apptainer.find({"other": "x"}) == []
    apptainer.remove(box)
    assert apptainer.state(name) is apptainer.state(box) is None
    for gone in (box, name, "../images", "a/b"):
        assert apptainer.state(gone) is None
        apptainer.remove(gone)
        apptainer.stop(gone, 1)
    with pytest.raises(EngineError, match="is gone"):
        apptainer.wait(box)
    with pytest.raises(ImageMissing):
        make("", image="reprobox/none:x")


def test_a_program_that_is_not_there(apptainer: ApptainerEngine, make: Callable[..., str]) -> None:
    box = make("", argv=("/no/python", "-I", "-S", "x"))
    apptainer.start(box)
    there = apptainer.state(box)
    assert there is not None
    assert (there.status, there.exit_code) == ("created", 127), there
    assert "/no/python" in there.error


def test_a_mount_that_is_not_there_is_refused(
    apptainer: ApptainerEngine, make: Callable[..., str]
) -> None:
    box = make("", mounts=(Mount(source="/no/such/place", target="/x"),))
    with pytest.raises(EngineError, match=r"Could not start .*") as refused:
        apptainer.start(box)
    assert "/no/such/place" in refused.value.why
    there = apptainer.state(box)
    assert there is not None
    assert (there.status, there.exit_code) == ("created", None)


def test_a_container_is_removed_while_it_runs(
    apptainer: ApptainerEngine, make: Callable[..., str], tmp_path: Path
) -> None:
    box = make(LISTENS.format("signal.SIG_IGN"))
    apptainer.start(box)
    lives(tmp_path / "listens")
    apptainer.remove(box)
    assert apptainer.state(box) is None
    _nothing_is_left(apptainer)


def _nothing_is_left(apptainer: ApptainerEngine) -> None:
    """No process works in this engine's directories any more."""
    root = apptainer.address.removeprefix("apptainer://").encode()
    until = time.monotonic() + 20
    while True:
        left = [
            path
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if root in _read(path) and path.parent.name != str(os.getpid())
        ]
        if not left:
            return
        assert time.monotonic() < until, left
        time.sleep(0.02)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_container_whose_supervisor_was_killed_is_found_again(
    apptainer: ApptainerEngine, make: Callable[..., str], tmp_path: Path
) -> None:
    """Only its exit code is lost, which the shim has written itself."""
    box = make(LISTENS.format("end"))
    apptainer.start(box)
    lives(tmp_path / "listens")
    os.kill(_noted(apptainer, box)["keeper"][0], signal.SIGKILL)
    assert apptainer.wait(box, 0.5).status == "running"
    assert [one.status for one in apptainer.find(LABELS) if one.id == box] == ["running"]
    apptainer.stop(box, 20)
    there = apptainer.wait(box, 30)
    assert (there.status, there.exit_code) == ("dead", None)
    assert (tmp_path / "ended").exists()
    again = make(LISTENS.format("signal.SIG_IGN"), name="another")
    apptainer.start(again)
    os.kill(_noted(apptainer, again)["keeper"][0], signal.SIGKILL)
    apptainer.remove(again)
    apptainer.remove(box)
    _nothing_is_left(apptainer)


def test_a_supervisor_that_was_killed_before_it_noted_the_container_has_begun_none(
    apptainer: ApptainerEngine, make: Callable[..., str], tmp_path: Path
) -> None:
    """SIGKILL at the moments before `started.json` names the first process."""
    for delay in (0.0, 0.05, 0.1, 0.2, 0.3):
        box = make("open('/work/ran', 'w')")
        place = _place(apptainer, box)
        keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", boxes.KEEPER, place], stdout=subprocess.DEVNULL
        )
        keeper.wait()
        until = time.monotonic() + delay
        while time.monotonic() < until or not (place / "started.json").exists():
            time.sleep(0.001)
        noted = _noted(apptainer, box)
        os.kill(noted["keeper"][0], signal.SIGKILL)
        time.sleep(0.3)
        if "init" not in _noted(apptainer, box):
            assert not (tmp_path / "ran").exists()
        (tmp_path / "ran").unlink(missing_ok=True)
        apptainer.remove(box)
    _nothing_is_left(apptainer)


def _noted(apptainer: ApptainerEngine, box: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_place(apptainer, box) / "started.json").read_bytes())
    return found


def _place(apptainer: ApptainerEngine, box: str) -> Path:
    there = apptainer.state(box)
    assert there is not None
    return Path(apptainer.address.removeprefix("apptainer://")) / "containers" / there.name


STARTER = """\
import os, signal, sys
from pathlib import Path
from reprobox.engine.apptainer.engine import ApptainerEngine
ApptainerEngine(Path(sys.argv[1])).start(sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_container_outlives_the_command_that_started_it(
    apptainer: ApptainerEngine, make: Callable[..., str], tmp_path: Path
) -> None:
    box = make(LISTENS.format("end"))
    root = apptainer.address.removeprefix("apptainer://")
    done = subprocess.run([sys.executable, "-c", STARTER, root, box], check=False)
    assert done.returncode == -signal.SIGKILL
    lives(tmp_path / "listens")
    there = ApptainerEngine(Path(root)).state(box)
    assert there is not None
    assert there.status == "running"
    apptainer.stop(box, 20)
    assert apptainer.wait(box, 30).exit_code == 7


def test_limits_that_are_held_are_felt(
    apptainer: ApptainerEngine, make: Callable[..., str]
) -> None:
    """Root alone can have them here (control groups of version 1)."""
    assert apptainer.info()["limits"]["memory"]
    box = make("x = bytearray(300 << 20); print(len(x))", memory=64 << 20)
    apptainer.start(box)
    assert apptainer.wait(box, 60).exit_code == 137
    many = "import os\nfor i in range(40): os.fork() or os.read(os.pipe()[0], 1)"
    box = make(many, pids=12)
    apptainer.start(box)
    assert apptainer.wait(box, 60).exit_code == 1
    assert b"Resource temporarily unavailable" in apptainer.logs(box)


NODE = "/dev/full"
"""Stands for a GPU: a device that Apptainer does not show by itself, and that says what it is."""
DEVICE = """\
import os
try:
    os.write(os.open("/dev/full", os.O_WRONLY), b"x")
except OSError as fault:
    print(fault.strerror, os.environ.get("GIVEN"), open("/opt/lib.so").read())
"""


def test_devices_are_handed_over_by_their_specification(
    apptainer: ApptainerEngine, make: Callable[..., str], tmp_path: Path
) -> None:
    edits = {
        "env": ["GIVEN=yes"],
        "deviceNodes": [{"path": NODE}],
        "mounts": [{"hostPath": str(tmp_path / "lib"), "containerPath": "/opt/lib.so"}],
    }
    gone = {"deviceNodes": [{"path": "/dev/no-such-gpu"}]}
    devices = [
        {"name": "0", "containerEdits": edits},
        {"name": "1", "containerEdits": gone},
        {"name": "2", "containerEdits": {"deviceNodes": [{"path": "/dev/y", "hostPath": NODE}]}},
    ]
    (tmp_path / "lib").write_text("library")
    (tmp_path / "cdi").mkdir()
    described = {"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": devices}
    (tmp_path / "cdi/x.json").write_text(json.dumps(described))
    assert apptainer.gpus_offered() is None
    root = Path(apptainer.address.removeprefix("apptainer://"))
    there = ApptainerEngine(root, (str(tmp_path / "cdi"),))
    assert there.gpus_offered() == "cdi"
    assert there.gpu_devices() == tuple(f"nvidia.com/gpu={name}" for name in "012")
    for index, words in (
        ("1", "/dev/no-such-gpu is not there"),
        ("2", "cannot show"),
        ("3", "no device"),
    ):
        with pytest.raises(GpuUnavailable, match=words):
            make(DEVICE, on=there, gpus=f"device={index}")
    box = make(DEVICE, on=there, gpus="device=0")
    there.start(box)
    assert there.wait(box, 60).exit_code == 0
    assert there.logs(box) == b"No space left on device yes library\n"
    without = make(DEVICE)
    apptainer.start(without)
    assert apptainer.wait(without, 60).exit_code == 1


USER = """\
import json, os, sys
from dataclasses import replace
from pathlib import Path
from reprobox.engine.apptainer.engine import ApptainerEngine
from reprobox.errors import EngineError
from reprobox.model.outcome import Container, Mount
top, python = Path(sys.argv[1]), sys.argv[2]
engine = ApptainerEngine(top / "root")
with open(sys.argv[3], "rb") as file:
    engine.load(iter(lambda: file.read(1 << 20), b""))
container = Container(
    image="reprobox-tests/python:user", argv=(python, "-I", "-S", "/work/prog.py"), name="one",
    env={"HOME": "/home/reprobox"}, workdir="/work", pids=4096, user=f"{os.getuid()}:{os.getgid()}",
    mounts=(Mount(source=str(top / "work"), target="/work", read_only=False),),
    tmpfs={"/tmp": "rw,exec,size=24m", "/home/reprobox": "rw,exec,size=24m"})
box = engine.create(container)
engine.start(box)
ended = engine.wait(box, 60)
try:
    engine.create(replace(container, name="two", memory=1 << 30))
    refused = ""
except EngineError as fault:
    refused = fault.what
print(json.dumps({"code": ended.exit_code, "log": engine.logs(box).decode(), "limits": engine.info()["limits"], "refused": refused}))
"""


def test_an_ordinary_user_has_all_but_the_limits(
    apptainer: ApptainerEngine,
    python_archive: Callable[[str], tuple[bytes, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """As `nobody`, in user namespaces, without setuid. With control groups of version 1 no limit is
    held: it is refused where it was asked for, and recorded as not held.
    """
    nobody = 65534
    top = Path(
        subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip()
    )
    try:
        data, python = python_archive("reprobox-tests/python:user")
        (top / "image.tar").write_bytes(data)
        (top / "work").mkdir()
        full = "\ntry:\n open('/tmp/big', 'wb').write(bytes(100 << 20))\nexcept OSError as e: print(e.strerror)"
        (top / "work/prog.py").write_text(SEEN + full)
        for path in (top, top / "work"):
            os.chown(path, nobody, nobody)
        done = subprocess.run(
            [
                *("setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"),
                # The system's own: ours may lie in root's home.
                *("/usr/bin/python3", "-c", USER, top, python, top / "image.tar"),
            ],
            env={"PATH": os.environ["PATH"], "HOME": str(top), "PYTHONPATH": str(TOP)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["code"] == 0, said["log"]
        seen, full_disk = said["log"].strip().splitlines()
        found = json.loads(seen)
        assert full_disk == "No space left on device"
        assert (found["pid"], found["uid"], found["nets"]) == (1, nobody, ["lo"])
        assert (found["caps"], found["privs"], found["root"]) == ("0" * 16, "1", "OSError")
        assert said["limits"]["memory"] is said["limits"]["pids"] is False
        assert said["limits"]["tmp_size"] is True
        assert said["refused"] == "Apptainer cannot hold a limit of memory here"
        assert (top / "work/made").stat().st_uid == nobody
    finally:
        subprocess.run(["rm", "-rf", str(top)], check=True)
