"""A Python process of our own that reads files of strangers: limits first, then the work.

Both sides are here: `ask` starts the child and gets its answer, `serve` is the child's main. They
speak JSON over stdin and stdout.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import reprobox
from reprobox.kit import proc
from reprobox.kit.lazy_dataclass import dataclass

_GIB = 1 << 30


class ChildFailed(Exception):
    """The child gave no answer: out of time or memory, or ended by a fault. Its text says which."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a child may take."""

    memory: int = 2 * _GIB
    """Bytes of address space."""
    cpu: int = 300
    """Seconds of processor time."""
    wall: int = 600
    """Seconds."""
    written: int = 16 * _GIB
    """Bytes of a file that it writes."""


def ask(module: str, request: Mapping[str, Any], limits: Limits) -> Any:
    """Runs `python -m module` on a request; its answer.

    Raises:
        ChildFailed: there is none.
    """
    with tempfile.TemporaryDirectory(prefix="reprobox-child-") as scratch:
        root = os.fspath(Path(reprobox.__file__).parent.parent)
        env = {
            "PYTHONPATH": os.pathsep.join(dict.fromkeys([root, *filter(None, sys.path)])),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "LC_ALL": "C.UTF-8",
            "TMPDIR": scratch,
        }
        message = json.dumps({"limits": asdict(limits), "request": dict(request)}).encode()
        argv = [sys.executable, "-s", "-B", "-X", "utf8", "-m", module]
        done = proc.run(argv, cwd=Path(scratch), env=env, stdin=message)
    if done.code in (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL):
        raise ChildFailed("the reader timed out")
    if not done.ok:
        last = done.error_text.splitlines()[-1:]
        raise ChildFailed(f"the reader ended with {done.code}: {''.join(last)[:300]}")
    return json.loads(done.out)


def serve(work: Callable[[dict[str, Any]], Any]) -> None:
    """The child's main: takes the limits upon itself, answers one request."""
    message = json.load(sys.stdin)
    _limit(message["limits"])
    json.dump(work(message["request"]), sys.stdout)


def _limit(limits: Mapping[str, int]) -> None:
    for kind, name in (
        (resource.RLIMIT_AS, "memory"),
        (resource.RLIMIT_CPU, "cpu"),
        (resource.RLIMIT_FSIZE, "written"),
    ):
        _, hard = resource.getrlimit(kind)
        value = limits[name] if hard == resource.RLIM_INFINITY else min(limits[name], hard)
        resource.setrlimit(kind, (value, value))
    # No handler, so the alarm ends the process wherever it is.
    signal.alarm(limits["wall"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
