"""The shim, as PID 1 of real containers."""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from images_of_our_own import PythonImage
from shim_runs import ShimRun, ShimRunner

from reprobox.engine.docker import DockerEngine
from reprobox.model.outcome import Mount
from reprobox.runtime import runtime_pack

pytestmark = pytest.mark.engine

WRITE_RANDOM = """
import os, random, sys
draw = random.Random(int(sys.argv[1]))
for _ in range(60):
    for stream in (1, 2):
        os.write(stream, draw.randbytes(draw.choice((0, 1, 7, 4096, 65537))))
"""
EAT = "import sys; held = bytearray(int(sys.argv[1]) << 20); print(len(held))"


def expected(seed: int) -> list[bytes]:
    draw = random.Random(seed)
    streams = [b"", b""]
    for _ in range(60):
        for stream in (0, 1):
            streams[stream] += draw.randbytes(draw.choice((0, 1, 7, 4096, 65537)))
    return streams


def until_text(run: ShimRun, text: bytes, name: str = "stdout") -> None:
    """The program has come so far that it said this."""
    deadline = time.monotonic() + 30
    path = run.out / name
    while not path.exists() or text not in path.read_bytes():
        assert time.monotonic() < deadline, f"never said {text!r}"
        time.sleep(0.01)


@pytest.mark.parametrize("seed", range(5))
def test_streams_are_byte_exact(shim: ShimRunner, python_image: PythonImage, seed: int) -> None:
    run = shim(python_image.python, "-c", WRITE_RANDOM, str(seed))
    run.ended()
    assert [run.bytes("stdout"), run.bytes("stderr")] == expected(seed)


@pytest.mark.parametrize("code", [0, 1, 3, 127, 137, 255])
def test_exit_codes_pass_through(shim: ShimRunner, code: int) -> None:
    run = shim("sh", "-c", f"exit {code}")
    assert run.ended().exit_code == code
    assert (run.exit["code"], run.exit["reason"], run.exit["signal"]) == (code, "exited", None)
    assert run.exit["format"] == "reprobox.exit/1"


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT, signal.SIGPIPE]
)
def test_death_by_signal(shim: ShimRunner, number: signal.Signals) -> None:
    run = shim("sh", "-c", f"kill -{int(number)} $$")
    assert run.ended().exit_code == 128 + number
    assert (run.exit["code"], run.exit["reason"], run.exit["signal"]) == (
        128 + number,
        "signal",
        int(number),
    )


def test_times_and_memory(shim: ShimRunner) -> None:
    before = time.time()
    run = shim("sleep", "0.3")
    run.ended()
    facts = run.exit
    assert 0.3 <= facts["duration"] < 5
    assert before - 1 < facts["started"] < facts["finished"] < time.time() + 1
    assert facts["peak_rss"] > 1 << 18
    assert facts["peak_memory"] > 1 << 18
    assert facts["oom_kills"] == 0


@pytest.mark.parametrize(
    ("program", "code", "reason", "words"),
    [
        ("nonsense", 127, "not-found", "nonsense: no such program"),
        ("/no/such", 127, "not-found", "no such program"),
        ("/work", 126, "not-executable", "Permission denied"),
        ("/scripts/plain", 126, "not-executable", "Permission denied"),
        ("/scripts/headless", 126, "not-executable", "begins with #!"),
        ("/scripts/orphan", 127, "not-found", "the interpreter that its first line names is not"),
    ],
)
def test_a_program_that_cannot_start(
    shim: ShimRunner, tmp_path: Path, program: str, code: int, reason: str, words: str
) -> None:
    for name, text, mode in (
        ("plain", "x", 0o644),
        ("headless", "echo hi", 0o755),
        ("orphan", "#!/no/such\n", 0o755),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    os.chmod(tmp_path, 0o755)
    run = shim(program, mounts=(Mount(source=str(tmp_path), target="/scripts"),))
    assert run.ended().exit_code == code
    assert (run.exit["code"], run.exit["reason"]) == (code, reason)
    assert words in run.exit["message"]


def test_out_of_memory_of_the_program(shim: ShimRunner, python_image: PythonImage) -> None:
    run = shim(python_image.python, "-c", EAT, "200", memory=64 << 20)
    assert run.ended().exit_code == 137
    assert (run.exit["reason"], run.exit["code"], run.exit["signal"]) == ("oom", 137, 9)
    assert run.exit["oom_kills"] == 1
    assert run.exit["peak_memory"] > 60 << 20


@pytest.mark.parametrize(
    ("after", "code", "reason"),
    [("", 137, "oom"), ("; exit 0", 0, "exited"), ("; exit 5", 5, "exited")],
)
def test_out_of_memory_of_a_child(
    shim: ShimRunner, python_image: PythonImage, after: str, code: int, reason: str
) -> None:
    run = shim(
        "sh", "-c", f"{python_image.python} -c '{EAT}' 200{after or '; exit $?'}", memory=64 << 20
    )
    assert run.ended().exit_code == code
    assert (run.exit["reason"], run.exit["oom_kills"]) == (reason, 1)


def test_the_shim_outlives_many_small_processes(shim: ShimRunner) -> None:
    """Each is smaller than the shim; the kernel must take them all the same."""
    run = shim(
        "sh",
        "-c",
        "i=0; while [ $i -lt 200 ]; do head -c 1m /dev/zero | sleep 30 & i=$((i+1)); done; wait",
        memory=24 << 20,
        pids=1024,
    )
    run.ended()
    assert run.exit["oom_kills"] > 0


def test_signals_are_forwarded(shim: ShimRunner, engine: DockerEngine) -> None:
    traps = "".join(f"trap 'echo got {name}' {name};" for name in ("INT", "HUP", "USR1", "USR2"))
    run = shim(
        "sh",
        "-c",
        f"{traps} trap 'echo got TERM; exit 9' TERM; echo ready; while :; do sleep 0.05; done",
    )
    until_text(run, b"ready")
    for name in ("HUP", "USR1", "USR2", "INT", "TERM"):
        engine._link.quick().kill(run.id, name)
        until_text(run, f"got {name}".encode())
    assert run.ended().exit_code == 9


SAVING = """
import os, signal, sys, time
def save(number, _):
    time.sleep(3)  # longer than the 2 s of what a program leaves behind
    print("saved", number, flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(600)
"""


def test_the_grace_reaches_a_program_behind_a_shell(
    shim: ShimRunner, engine: DockerEngine, python_image: PythonImage
) -> None:
    """The shell dies of TERM at once."""
    run = shim("sh", "-c", '"$0" -c "$1"; echo after', python_image.python, SAVING)
    until_text(run, b"ready")
    engine.stop(run.id, 10)
    run.ended()
    assert run.bytes("stdout") == b"ready\nsaved 15\n"


def test_the_grace_of_a_time_limit_reaches_a_program_behind_a_shell(
    shim: ShimRunner, python_image: PythonImage, tmp_path: Path
) -> None:
    limit = tmp_path / "timeout"
    limit.write_text("2")
    mount = Mount(source=str(limit), target="/.reprobox-out/timeout")
    run = shim("sh", "-c", '"$0" -c "$1"; echo after', python_image.python, SAVING, mounts=(mount,))
    run.ended()
    assert run.bytes("stdout") == b"ready\nsaved 15\n"
    assert run.exit["reason"] == "timeout"


def test_int_reaches_the_process_group_and_leaves_time(
    shim: ShimRunner, engine: DockerEngine, python_image: PythonImage
) -> None:
    """As a terminal's Ctrl-C does; the shell ends first, and no TERM follows while the child saves."""
    script = SAVING.replace("SIGTERM, save", "SIGINT, save")
    run = shim("sh", "-c", '"$0" -c "$1" & wait', python_image.python, f"{script}")
    until_text(run, b"ready")
    engine.signal(run.id, "SIGINT")
    run.ended()
    assert b"saved 2\n" in run.bytes("stdout")


def test_a_program_without_a_handler_dies_of_term(shim: ShimRunner, engine: DockerEngine) -> None:
    """PID 1 would ignore it; the program is not PID 1."""
    run = shim("sleep", "60")
    began = time.monotonic()
    engine.stop(run.id, 30)
    assert time.monotonic() - began < 10
    assert run.ended().exit_code == 143
    assert (run.exit["reason"], run.exit["signal"]) == ("signal", 15)


def test_zombies_are_reaped(shim: ShimRunner) -> None:
    run = shim(
        "sh",
        "-c",
        "i=0; while [ $i -lt 40 ]; do (sleep 0.01 &); i=$((i+1)); done; sleep 0.5; ps -o stat | "
        "grep -c Z; ps | wc -l",
    )
    run.ended()
    zombies, lines = (int(line) for line in run.bytes("stdout").split())
    assert zombies == 0
    assert lines < 10


def test_what_is_left_behind_is_ended(shim: ShimRunner) -> None:
    run = shim(
        "sh",
        "-c",
        "(trap '' TERM; echo stubborn; while :; do sleep 1; done) & (sleep 99 &) ; exit 4",
    )
    began = time.monotonic()
    assert run.ended().exit_code == 4
    assert time.monotonic() - began < 15
    assert (run.exit["code"], run.exit["reason"]) == (4, "exited")
    assert run.exit["leftovers"] >= 2


def test_a_chatty_program(shim: ShimRunner, python_image: PythonImage) -> None:
    """20 MB in 20,000 writes; nothing goes through the shim or the engine."""
    run = shim(
        python_image.python,
        "-c",
        "import os\nfor i in range(20000): os.write(1, (b'%09d' % i) * 111 + b'\\n')",
    )
    run.ended()
    lines = run.bytes("stdout").splitlines()
    assert lines == [(b"%09d" % number) * 111 for number in range(20000)]


def test_the_environment_is_exactly_the_one_given(shim: ShimRunner) -> None:
    run = shim("env", env={"A": "1", "WEIRD": "a=b\nc ö"}, workdir="/tmp")
    run.ended()
    assert run.bytes("stdout") in (
        (
            b"PATH=/usr/local/bin:/usr/bin:/bin\nHOSTNAME=reprobox\nA=1\nWEIRD=a=b\nc "
            b"\xc3\xb6\nHOME=/\n"
        ),
        (
            b"PATH=/usr/local/bin:/usr/bin:/bin\nA=1\nWEIRD=a=b\nc "
            b"\xc3\xb6\nHOSTNAME=reprobox\nHOME=/\n"
        ),
    )


def test_the_program_starts_clean(shim: ShimRunner, python_image: PythonImage) -> None:
    """No signal blocked or ignored, no descriptor of the shim's open, nothing on stdin, its own
    directory.
    """
    script = (
        "import os, signal, sys\n"
        "print([n for n in os.listdir('/proc/self/fd') if int(n) > 2 and "
        "os.path.exists('/proc/self/fd/' + n)])\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []))\n"
        "print([line for line in open('/proc/self/status') if "
        "line.startswith('SigIgn')][0].split()[1])\n"
        "print(repr(sys.stdin.read()), os.getcwd())\n"
    )
    run = shim(python_image.python, "-c", script, workdir="/tmp")
    run.ended()
    lines = run.bytes("stdout").decode().splitlines()
    # Python itself ignores SIGPIPE (13) and SIGXFSZ (25): 0x1001000. Signals 32 and 33 are glibc's
    # own: its posix_spawn leaves them ignored for whatever make starts, an engine too, and no
    # program can change that through glibc.
    ignored = int(lines.pop(2), 16) & ~(1 << 31 | 1 << 32)
    assert (ignored, lines) == (0x1001000, ["[]", "set()", "'' /tmp"])


def test_the_program_has_the_same_process_id_each_time(
    shim: ShimRunner, python_image: PythonImage
) -> None:
    """The engine's own threads use up ids before the shim begins, and how many differs from start
    to start.
    """
    script = "import os; print(os.getpid(), os.fork() or os._exit(0))"
    runs = [shim(python_image.python, "-c", script, pids=16) for _ in range(8)]
    assert [(run.ended().exit_code, run.bytes("stdout")) for run in runs] == [(0, b"64 65\n")] * 8


def test_met(shim: ShimRunner, python_image: PythonImage) -> None:
    run = shim("true", memory=256 << 20, cpus=0.5, pids=77, shm_size=32 << 20)
    run.ended()
    met = run.json("met.json")
    assert met["format"] == "reprobox.met/1"
    assert met["cpu"]["model_name"]
    assert "fpu" in met["cpu"]["flags"] or "fp" in met["cpu"]["flags"]
    assert met["cpu"]["allowed"] == len(os.sched_getaffinity(0))
    assert met["kernel"]["release"] == os.uname().release
    assert (met["cgroup"]["memory"], met["cgroup"]["pids"], met["cgroup"]["cpus"]) == (
        256 << 20,
        77,
        0.5,
    )
    assert met["memory"]["shm"] == 32 << 20
    assert met["python"]["executable"] == python_image.python
    assert met["libc"].startswith("glibc ")
    assert met["security"]["seccomp"] == 2
    assert met["security"]["no_new_privileges"] == 1
    assert int(met["security"]["capabilities"], 16) == 0
    assert (met["security"]["uid"], met["gpus"], met["packages"]["debian"]) == (1000, [], {})


def test_packages_are_listed(shim: ShimRunner, tmp_path: Path) -> None:
    site = tmp_path / "venv" / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    for name in (
        "numpy-2.4.6.dist-info",
        "torch-2.13.0+cpu.dist-info",
        "numpy",
        "PyYAML-6.0.egg-info",
    ):
        (site / name).mkdir(parents=True)
    status = tmp_path / "status"
    status.write_text(
        "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nDescription: C\n "
        "library\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    os.chmod(tmp_path, 0o755)
    mounts = (
        Mount(source=str(tmp_path / "venv"), target="/opt/venv"),
        Mount(source=str(status), target="/var/lib/dpkg/status"),
    )
    run = shim("true", mounts=mounts, env={"VIRTUAL_ENV": "/opt/venv"})
    run.ended()
    packages = run.json("met.json")["packages"]
    assert packages["python"] == {"numpy": "2.4.6", "torch": "2.13.0+cpu", "PyYAML": "6.0"}
    assert packages["debian"] == {"libc6": "2.36-9"}


NVIDIA_SMI = """#!/bin/sh
case "$1" in *compute_cap*) [ -e /tmp/old ] && exit 6;; esac
echo "GPU-1111, NVIDIA H200, 550.54.15, 143771, 9.0, Disabled, Enabled, 00000000:01:00.0"
[ -e /tmp/lost ] || echo "GPU-2222, NVIDIA H200, 550.54.15, 143771, 9.0, Disabled, Enabled, 00000000:02:00.0"
"""


@pytest.fixture
def fake_gpus(tmp_path: Path) -> dict[str, object]:
    """A directory on PATH with an nvidia-smi that loses a GPU once /tmp/lost is there."""
    tool = tmp_path / "nvidia" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(NVIDIA_SMI)
    tool.chmod(0o755)
    os.chmod(tmp_path, 0o755)
    return {
        "mounts": (Mount(source=str(tool.parent), target="/nvidia"),),
        "env": {"PATH": "/nvidia:/usr/bin:/bin"},
    }


def test_gpus_are_met(shim: ShimRunner, fake_gpus: dict[str, object]) -> None:
    run = shim("true", **fake_gpus)
    run.ended()
    gpus = run.json("met.json")["gpus"]
    assert [gpu["uuid"] for gpu in gpus] == ["GPU-1111", "GPU-2222"]
    assert (gpus[0]["name"], gpus[0]["driver_version"], gpus[0]["compute_cap"]) == (
        "NVIDIA H200",
        "550.54.15",
        "9.0",
    )
    assert run.exit["lost_gpus"] == []


def test_a_gpu_that_is_lost_is_named(shim: ShimRunner, fake_gpus: dict[str, object]) -> None:
    run = shim("sh", "-c", "touch /tmp/lost; exit 1", **fake_gpus)
    run.ended()
    assert run.exit["lost_gpus"] == ["GPU-2222"]
    assert "GPU lost during the run: GPU-2222" in run.exit["message"]


def test_the_report_survives_a_full_disk(tmp_path: Path) -> None:
    """Its place is taken before the program starts; a 64 KiB disk of our own, in name spaces of our
    own.
    """
    shim = Path(runtime_pack.__file__).parent / "payload" / "shim.py"
    script = (
        'mount -t tmpfs -o size=192k none "$1" && "$2" -I -S "$3" "$1" -- sh -c "cat /dev/zero; '
        'exit 3";'
        ' echo code $?; df -k "$1" | tail -1; cat "$1/exit.json"'
    )
    command = [
        "unshare",
        "-Urmpf",
        "--mount-proc",
        "sh",
        "-c",
        script,
        "sh",
        str(tmp_path),
        sys.executable,
        str(shim),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, disk, report = done.stdout.splitlines()
    assert code == "code 3"
    assert disk.split()[3] == "0"
    assert (json.loads(report)["code"], json.loads(report)["reason"]) == (3, "exited")
    assert "exit.json" not in done.stderr


def test_a_hostile_program_cannot_stop_the_report(shim: ShimRunner) -> None:
    run = shim(
        "sh",
        "-c",
        "cd /.reprobox-out; rm -f exit.json.new met.json; ln -s /etc/passwd exit.json; exit 6",
    )
    assert run.ended().exit_code == 6
    assert run.exit["code"] == 6
    assert not (run.out / "exit.json").is_symlink()


def test_the_shim_says_what_it_cannot_do(
    shim: ShimRunner, engine: DockerEngine, python_image: PythonImage
) -> None:
    run = shim(
        "true",
        argv=(python_image.python, "-I", "-S", "/.reprobox/shim.py", "/no/such/dir", "--", "true"),
    )
    assert run.ended().exit_code == 125
    assert b"No such file or directory" in engine.logs(run.id)
    run = shim("true", argv=(python_image.python, "-I", "-S", "/.reprobox/shim.py"))
    assert run.ended().exit_code == 125
    assert b"usage: shim.py" in engine.logs(run.id)


@pytest.mark.parametrize(
    ("profile", "expected"), [("same-machine", [1500, 1500]), ("observe", [1000, 2000])]
)
def test_the_limit_of_open_files_is_the_same_under_every_engine(
    tmp_path: Path, profile: str, expected: list[int]
) -> None:
    """With a smaller number: this process may not have so many."""
    box = tmp_path / "box"
    shutil.copytree(Path(runtime_pack.__file__).parent / "payload", box)
    text = (box / "shim.py").read_text()
    (box / "shim.py").write_text(text.replace("OPEN_FILES = 65536", "OPEN_FILES = 1500"))
    ask = "import resource; print(list(resource.getrlimit(resource.RLIMIT_NOFILE)))"
    argv = [sys.executable, "-I", "-S", box / "shim.py", tmp_path, "--", sys.executable, "-c", ask]
    limited = f"ulimit -n 2000; ulimit -Sn 1000; exec {shlex.join(map(str, argv))}"
    env = {**os.environ, "REPROBOX_PROFILE": profile}
    assert subprocess.run(["sh", "-c", limited], env=env).returncode == 0
    assert json.loads((tmp_path / "stdout").read_text()) == expected
    said = json.loads((tmp_path / "met.json").read_text())["files"]
    assert said["open"] == [str(one) for one in expected]
    assert said["device"] == Path.cwd().stat().st_dev
