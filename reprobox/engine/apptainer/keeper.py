"""Supervises one Apptainer container: the part that a daemon has with other engines.

    <python> -I -S keeper.py CONTAINER-DIRECTORY

A program of its own, of the standard library only, so that it starts in milliseconds and outlives
the command that started it. It holds a `flock` on the directory's `lock` for as long as it lives,
prints `began` (or why not) and closes its stdout once the container runs, and writes:

    started.json    its own process, Apptainer's and the container's first one, and when
    ended.json      how Apptainer ended, and when

The container's first process waits until `started.json` names it, so a container whose supervisor
is killed is found again by that number, or has never begun. (SIGKILL at the parent's death is no
way: the kernel forgets it, prctl(2), when Apptainer changes its credentials.)
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from typing import Any

_IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
"""A scheduler sends these to all processes of a job; the container gets them, and we write its end.
"""
_LAST_WORDS = 4000
_GO = b"go\n"
_CREDENTIALS = struct.Struct("iII")


def main(folder: str) -> None:
    """Runs the container that the directory describes."""
    lock = os.open(f"{folder}/lock", os.O_RDWR | os.O_CLOEXEC)
    if not _locked(lock):
        _say("it was started before")
        return
    if not os.path.exists(f"{folder}/lock"):
        return  # it was removed before we held it
    with open(f"{folder}/container.json", "rb") as file:
        wanted = json.load(file)
    if os.path.exists(f"{folder}/started.json"):
        _say("it was started before")
        return
    if os.fork():
        return  # the child has no parent here: the caller need not wait for it
    os.setsid()
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    began = {"keeper": _identity(os.getpid()), "at": time.time(), "boot": _boot()}
    _write(folder, "started.json", began)
    child, door = _launch(wanted, folder)
    init = _first_process(child, door, wanted["environment"].encode("latin-1"))
    if init is not None:
        began |= {"starter": _identity(child), "init": _identity(init)}
        _write(folder, "started.json", began)
        with contextlib.suppress(OSError):
            door.send(_GO)
        _say("began")
    door.close()
    _, status = os.waitpid(child, 0)
    ended: dict[str, Any] = {"code": _code(status), "at": time.time(), "began": init is not None}
    if init is None:
        ended["error"] = _last_words(folder)
    _write(folder, "ended.json", ended)
    if init is None:
        _say(ended["error"] or f"Apptainer ended with {ended['code']} and printed nothing")


def _locked(lock: int) -> bool:
    """Takes the lock; those who look whether it is held have it for a moment."""
    for _ in range(100):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


def _launch(wanted: dict[str, Any], folder: str) -> tuple[int, socket.socket]:
    """Starts Apptainer; its process, and our end of what is its stdin."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    log = os.open(f"{folder}/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    child = os.fork()
    if child == 0:
        try:
            for number in _IGNORED:
                signal.signal(number, signal.SIG_DFL)
            for source, target in ((theirs.fileno(), 0), (log, 1), (log, 2)):
                os.dup2(source, target)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            command = wanted["argv"]
            os.execve(command[0], command, wanted["host_environment"])  # noqa: S606 - no shell
        except OSError as fault:
            os.write(2, f"{wanted['argv'][0]}: {fault.strerror}\n".encode())
        finally:
            os._exit(125)
    theirs.close()
    return child, ours


def _first_process(child: int, door: socket.socket, environment: bytes) -> int | None:
    """The container's first process, by its own word: the kernel adds its number, as it is out
    here, to what it sends (unix(7), SCM_CREDENTIALS). None where Apptainer ended before.
    """
    door.settimeout(None)
    ended = os.pidfd_open(child)
    try:
        _feed(door, environment, ended)
        while True:
            ready, _, _ = select.select([door.fileno(), ended], [], [])
            if door.fileno() in ready:
                data, extra, _, _ = door.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
                if data:
                    return _sender(extra)
            if ended in ready:
                return None
    except OSError as fault:
        if fault.errno in (errno.EPIPE, errno.ECONNRESET):
            return None
        raise
    finally:
        os.close(ended)


def _feed(door: socket.socket, environment: bytes, ended: int) -> None:
    """Sends what the first process reads before anything else; it may be more than a buffer."""
    left = memoryview(environment)
    while left:
        _, writable, _ = select.select([ended], [door], [])
        if not writable:
            return
        left = left[door.send(left[: 1 << 14]) :]


def _sender(extra: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return int(_CREDENTIALS.unpack(data)[0])
    return None


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _identity(process: int) -> list[int]:
    """A process's number and the time of its start, which together name it within a boot."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return [process, int(file.read().rpartition(b")")[2].split()[19])]
    except OSError:
        return [process, 0]


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def _last_words(folder: str) -> str:
    try:
        with open(f"{folder}/log", "rb") as file:
            return file.read()[-_LAST_WORDS:].decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _write(folder: str, name: str, value: dict[str, Any]) -> None:
    """A reader sees the whole file or none."""
    path = f"{folder}/{name}"
    with open(f"{path}.new", "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)


def _say(text: str) -> None:
    """Reports to the caller, who reads our stdout to its end."""
    with contextlib.suppress(OSError):  # the caller is gone; the container continues
        os.write(1, text.encode())
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)
