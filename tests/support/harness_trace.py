"""The program's system calls, recorded with strace and read back: what it asked the kernel for,
byte by byte.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CALLS = (
    "open,openat,close,write,pwrite64,ftruncate,fsync,fdatasync,syncfs,link,linkat,rename,renameat,renameat2,"
    "unlink,unlinkat,rmdir,mkdir,mkdirat,symlink,symlinkat,chmod,fchmod,dup,dup2,dup3,fcntl,sendfile"
)
READS = "read,pread64,getdents64,flock"
"""Calls that change nothing, but may fail."""
TRAVEL = ("export", "import", "pull", "push")
"""Scenarios of harness_travel.py; the others are of harness_program.py."""
_LINE = re.compile(rb"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+|\?)(?: (E\w+))?")
_RESUMED = re.compile(rb"(?:\d+ +)?<\.\.\. \w+ resumed>")
_TEXT = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"(?:\.\.\.)?')


@dataclass(frozen=True)
class Call:
    """One system call: its name, its arguments (bytes where it was a string, else text), its
    result, and its number by name.
    """

    name: str
    args: tuple[bytes | str, ...]
    result: int
    error: str
    number: int


def environment() -> dict[str, str]:
    """The same start for every run, so that a call's number means the same call."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{HERE}:{HERE.parents[1]}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def program(root: Path, scenario: str, variant: str = "", *, travel: bool = False) -> list[str]:
    """The command line of the program under test."""
    script = "harness_travel.py" if travel or scenario in TRAVEL else "harness_program.py"
    return [
        sys.executable,
        str(HERE / script),
        str(root),
        scenario,
        *([variant] if variant else []),
    ]


def run(
    root: Path,
    scenario: str,
    variant: str = "",
    *,
    options: Sequence[str] = (),
    log: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Runs the program under strace; `options` inject faults."""
    zygote = _zygote()
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err, go, ready = (Path(folder, name) for name in ("out", "err", "go", "ready"))
        places = {"out": str(out), "err": str(err), "go": str(go), "ready": str(ready)}
        request = {"root": str(root), "scenario": scenario, "variant": variant, **places}
        zygote.stdin.write(json.dumps(request).encode() + b"\n")
        zygote.stdin.flush()
        process = int(zygote.stdout.readline())
        until = time.monotonic() + 60
        while not ready.exists():
            assert time.monotonic() < until
            time.sleep(0.0005)
        argv = ["strace", "-f", "-o", str(log or os.devnull), *options, "-p", str(process)]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as strace:
            assert strace.stderr is not None
            said = strace.stderr.readline()
            assert b"attached" in said, said
            go.touch()
            code = int(zygote.stdout.readline())
            strace.stderr.read()
        return subprocess.CompletedProcess(argv, code, out.read_bytes(), err.read_bytes())


@functools.cache
def _zygote() -> subprocess.Popen[bytes]:
    started = subprocess.Popen(
        [sys.executable, str(HERE / "harness_zygote.py")],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(started.communicate)
    return started


def record(
    root: Path, scenario: str, log: Path, variant: str = "", *, calls: str = CALLS
) -> list[Call]:
    """Runs the program once and gives all its calls."""
    done = run(
        root, scenario, variant, options=["-xx", "-s", "1048576", "-e", f"trace={calls}"], log=log
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode() + done.stdout.decode())
    return parse(log.read_bytes())


def parse(text: bytes) -> list[Call]:
    """Reads strace's output."""
    calls, counts = [], dict[str, int]()
    for line in _whole_lines(text):
        match = _LINE.match(line)
        if match is None:
            continue
        name = match[1].decode()
        counts[name] = counts.get(name, 0) + 1
        result = -1 if match[3] == b"?" else int(match[3])
        calls.append(
            Call(name, _arguments(match[2]), result, (match[4] or b"").decode(), counts[name])
        )
    return calls


def _whole_lines(text: bytes) -> Iterator[bytes]:
    """The lines; one that another thread's call cut in two is put together at its end."""
    begun: dict[bytes, bytes] = {}
    for line in text.splitlines():
        process = line.split(b" ", 1)[0]
        if line.endswith(b" <unfinished ...>"):
            begun[process] = line.removesuffix(b" <unfinished ...>")
        elif found := _RESUMED.match(line):
            yield begun.pop(process, b"") + line[found.end() :]
        else:
            yield line


def _arguments(text: bytes) -> tuple[bytes | str, ...]:
    strings = [
        bytes.fromhex(found[1].replace(b"\\x", b"").decode()) for found in _TEXT.finditer(text)
    ]
    plain = _TEXT.sub(b"\0", text).decode().split(", ")
    return tuple(strings.pop(0) if part.startswith("\0") else part for part in plain)


def after_go(calls: Sequence[Call]) -> list[Call]:
    """The calls after the interpreter's own start."""
    start = next(
        index
        for index, call in enumerate(calls)
        if call.name == "write" and call.args[1] == b"go\n"
    )
    return list(calls[start + 1 :])
