"""Containers as directories, each with a supervisor of its own while it runs (`keeper`).

    containers/NAME/container.json  what was asked for
                    hosts  apptainer.conf
                    lock            held by the supervisor for as long as it lives
                    started.json    processes, boot and time
                    ended.json      exit code and time
                    log             what Apptainer and the container's first process wrote

Whatever dies, the directory shows the container's state: one whose lock is held is alive, and so is
one without a supervisor whose processes run. Where they are gone too and no end was written, only
the exit code is not known.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import select
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from reprobox.engine import container_state
from reprobox.engine.apptainer import command, program
from reprobox.errors import EngineError
from reprobox.kit import fd_trees, files, proc
from reprobox.model.outcome import Container, ContainerState

KEEPER = Path(__file__).with_name("keeper.py")
_ENDING = 10.0
"""Seconds that the end of a killed container may take."""
_POLL = 0.02
_NO_PROGRAM = ("no such file or directory", "executable file not found", "not found")
_NOT_EXECUTABLE = ("permission denied", "exec format error")


@dataclass(frozen=True, kw_only=True)
class Processes:
    """Who runs a container, each as (number, time of its start)."""

    keeper: tuple[int, int]
    starter: tuple[int, int] | None = None
    init: tuple[int, int] | None = None
    """The container's first process, as it is numbered out here."""

    @property
    def first(self) -> tuple[int, int] | None:
        """Who gets signals that are meant for the container."""
        return self.init or self.starter


class Boxes:
    """The containers below a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def create(
        self, container: Container, argv: list[str], settings: str, environment: bytes, own: Path
    ) -> str:
        """Publishes a container's directory, whole or not at all; its ID. One of that name and
        these labels that is there already is taken.

        Raises:
            EngineError: the name belongs to another container.
        """
        identity = f"{container.name}.{secrets.token_hex(8)}"
        document = {
            "id": identity,
            "name": container.name,
            "image": container.image,
            "labels": container.labels,
            "argv": argv,
            "environment": environment.decode("latin-1"),
            "host_environment": program.environment(),
        }
        own.mkdir(parents=True, mode=0o700)
        (own / "hosts").write_text(command.hosts(container.hostname))
        (own / "apptainer.conf").write_text(settings)
        (own / "lock").touch(0o600)
        files.publish(own / "container.json", json.dumps(document).encode())
        try:
            os.rename(own, self.place(container.name))
        except OSError as fault:
            fd_trees.remove(own)
            return self._take(container, fault)
        files.fsync_dir(self._root)
        return identity

    def _take(self, container: Container, fault: OSError) -> str:
        there = self.state(container.name)
        if there is None:
            raise EngineError(
                f"Could not create the container {container.name}", why=str(fault)
            ) from fault
        if not container.labels or container.labels.items() - there.labels.items():
            raise EngineError(
                f"Could not create the container {container.name}",
                why="Another container has this name.",
            ) from fault
        return there.id

    def place(self, name: str) -> Path:
        """Where a container of this name is."""
        return self._root / name

    def fresh(self, name: str) -> Path:
        """Where a container is made before it gets its name."""
        return self._root / f".new-{name}-{secrets.token_hex(4)}"

    def start(self, reference: str) -> None:
        """Starts the supervisor, and waits until the container has begun.

        Raises:
            EngineError: it did not begin, with Apptainer's reason.
        """
        place = self._find(reference)
        if place is None:
            raise EngineError(f"there is no container {reference}")
        said = proc.detached((sys.executable, "-I", "-S", KEEPER, place), env={})
        if said == "began" or self._could_not_execute(place):
            return
        raise EngineError(
            f"Could not start the container {place.name}",
            why=_words(said),
            next_step="`reprobox doctor` checks Apptainer",
        )

    def _could_not_execute(self, place: Path) -> bool:
        there = self._read(place)
        return there is not None and there.status == "created" and there.exit_code is not None

    def state(self, reference: str) -> ContainerState | None:
        """By ID or name; None when there is none."""
        place = self._find(reference)
        return None if place is None else self._read(place)

    def find(self, labels: dict[str, str]) -> list[ContainerState]:
        """All containers with these labels."""
        names = [name for name in _names(self._root) if not name.startswith(".")]
        found = (self._read(self.place(name)) for name in sorted(names))
        return [there for there in found if there and not labels.items() - there.labels.items()]

    def wait(self, reference: str, timeout: float | None) -> ContainerState:
        """Blocks until it has ended, or `timeout` seconds; the state either way.

        Raises:
            EngineError: the container is gone.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            there = self.state(reference)
            if there is None:
                raise EngineError(f"the container {reference} is gone", why="It was removed.")
            left = None if deadline is None else deadline - time.monotonic()
            if there.status != "running" or (left is not None and left <= 0):
                return there
            if not self._await(self.place(there.name), left):
                time.sleep(_POLL)

    def _await(self, place: Path, left: float | None) -> bool:
        """Sleeps until the supervisor ends, or the container that has none any more; False where
        there is nothing to wait for.
        """
        processes = _processes(place)
        if processes is None:
            return False
        those = filter(None, (processes.keeper, processes.starter, processes.init))
        fd = next((fd for one in those if (fd := _opened(one)) is not None), None)
        if fd is None:
            return False
        try:
            select.select([fd], [], [], left)
        finally:
            os.close(fd)
        return True

    def signal(self, reference: str, number: int) -> None:
        """Sends a signal to the container's first process; absent or ended is fine."""
        place = self._find(reference)
        processes = None if place is None else _processes(place)
        if processes and processes.first:
            _send(processes.first, number)

    def kill(self, reference: str) -> None:
        """KILL at once; absent or ended is fine."""
        self.signal(reference, signal.SIGKILL)

    def remove(self, reference: str) -> None:
        """Ends the container and forgets it; absent is fine.

        Raises:
            EngineError: it does not end.
        """
        place = self._find(reference)
        if place is None:
            return
        deadline = time.monotonic() + _ENDING
        while True:
            with contextlib.suppress(FileNotFoundError), _held(place) as ended:
                if ended and not self._alive(place):
                    # A supervisor that comes late finds no directory of this name.
                    gone = self._root / f".gone-{place.name}-{secrets.token_hex(4)}"
                    os.rename(place, gone)
                    fd_trees.remove(gone)
                    return
            if not place.exists():
                return
            self._end(place)
            if time.monotonic() > deadline:
                raise EngineError(f"the container {place.name} does not end")
            time.sleep(_POLL)

    def _end(self, place: Path) -> None:
        processes = _processes(place)
        if processes:
            for one in filter(None, (processes.init, processes.starter)):
                _send(one, signal.SIGKILL)

    def log(self, reference: str) -> bytes:
        """What Apptainer and the first process wrote."""
        place = self._find(reference)
        with contextlib.suppress(FileNotFoundError):
            return (place / "log").read_bytes() if place else b""
        return b""

    def _find(self, reference: str) -> Path | None:
        if not container_state.is_name(reference):
            return None
        name, _, token = reference.rpartition(".")
        for place in (self.place(reference), self.place(name) if token else None):
            document = None if place is None else _document(place / "container.json")
            if place and document and reference in (document["name"], document["id"]):
                return place
        return None

    def _read(self, place: Path) -> ContainerState | None:
        wanted = _document(place / "container.json")
        if wanted is None:
            return None
        # In this order: what has started holds the lock, and writes its end before it lets go.
        started, held = _document(place / "started.json"), self._supervised(place)
        ended = _document(place / "ended.json")
        alive = ended is None and (held or self._alive(place))
        error = str((ended or {}).get("error") or "")
        return ContainerState(
            id=wanted["id"],
            name=wanted["name"],
            status=_status(started, ended, alive=alive),
            exit_code=_exit_code(ended, error),
            error=error,
            started=_moment(started),
            finished=_moment(ended),
            labels=dict(wanted["labels"]),
        )

    def _supervised(self, place: Path) -> bool:
        """Whether a supervisor holds the lock."""
        try:
            with _held(place) as free:
                return not free
        except FileNotFoundError:
            return False

    def _alive(self, place: Path) -> bool:
        """Whether a process of the container is there, whose supervisor may be gone."""
        processes = _processes(place)
        if processes is None:
            return False
        there = [one for one in (processes.starter, processes.init) if one and _is_there(one)]
        return bool(there)


Status = Literal["created", "running", "exited", "dead"]


def _status(started: dict[str, Any] | None, ended: dict[str, Any] | None, *, alive: bool) -> Status:
    if ended is not None:
        return "exited" if ended.get("began") else "created"
    if alive:
        return "running" if started else "created"
    return "dead" if started else "created"


def _exit_code(ended: dict[str, Any] | None, error: str) -> int | None:
    """As Docker has it: of one that has ended, or that could not start because its program is not
    there.
    """
    if ended is None:
        return None
    if ended.get("began"):
        return int(ended["code"])
    said = error.lower()
    if "fatal" not in said or "creation failed" in said:
        return None
    if any(words in said for words in _NO_PROGRAM):
        return container_state.NOT_FOUND
    executable = not any(words in said for words in _NOT_EXECUTABLE)
    return None if executable else container_state.NOT_EXECUTABLE


def _moment(document: dict[str, Any] | None) -> str:
    if document is None:
        return ""
    return datetime.fromtimestamp(document["at"], UTC).isoformat().replace("+00:00", "Z")


def _processes(place: Path) -> Processes | None:
    """Who runs it; None where no process does since the machine was started."""
    started = _document(place / "started.json")
    if started is None or started.get("boot") != _boot():
        return None
    return Processes(
        keeper=_pair(started["keeper"]),
        starter=_pair(started["starter"]) if "starter" in started else None,
        init=_pair(started["init"]) if "init" in started else None,
    )


def _pair(value: list[int]) -> tuple[int, int]:
    return value[0], value[1]


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def _document(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as fault:
        raise EngineError(
            f"{path} is damaged", why=str(fault), next_step=f"rm -r {path.parent}"
        ) from fault
    return found if isinstance(found, dict) else None


@contextlib.contextmanager
def _held(place: Path) -> Iterator[bool]:
    """Tries for the lock of a container; whether we have it, and so no supervisor does."""
    fd = os.open(place / "lock", os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)


def _opened(process: tuple[int, int]) -> int | None:
    """A descriptor of a process; None where it has ended, or its number is another's now."""
    try:
        fd = os.pidfd_open(process[0])
    except OSError:
        return None
    if not _is_there(process):
        os.close(fd)
        return None
    return fd


def _is_there(process: tuple[int, int]) -> bool:
    try:
        with open(f"/proc/{process[0]}/stat", "rb") as file:
            parts = file.read().rpartition(b")")[2].split()
    except OSError:
        return False
    return parts[0] not in (b"Z", b"X") and int(parts[19]) == process[1]


def _send(process: tuple[int, int], number: int) -> None:
    fd = _opened(process)
    if fd is None:
        return
    try:
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)


def _names(root: Path) -> list[str]:
    try:
        return os.listdir(root)
    except FileNotFoundError:
        return []


def _words(said: str) -> str:
    """Apptainer's words without the colours of a terminal."""
    plain = said.replace("\x1b[0m", "")
    for colour in ("31", "33", "34", "91"):
        plain = plain.replace(f"\x1b[{colour}m", "")
    return plain.strip()
