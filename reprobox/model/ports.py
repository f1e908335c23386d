"""What rooms need from outside, as protocols; flow passes the real things in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Protocol

from reprobox.kit.canon import Digest
from reprobox.model.home import EngineHome
from reprobox.model.image import EngineImage
from reprobox.model.lock import BuildSystem, Lock, Made, Sdist
from reprobox.model.outcome import Container, ContainerState


class Bar(Protocol):
    """One piece of long work."""

    def update(self, advance: int, note: str = "") -> None:
        """So many bytes (or items) more are done.

        Args:
            note: what is shown after the step's name from now on, such as `3 of 12`.
        """


class Progress(Protocol):
    """How rooms report long work without printing."""

    def task(self, what: str, total: int | None = None) -> AbstractContextManager[Bar]:
        """Starts a bar; `total` in bytes, None when unknown."""

    def note(self, text: str) -> None:
        """One line for people (stderr)."""


class Objects(Protocol):
    """Bytes by digest. What is put is synced before the digest is given; what is read can be
    trusted only as far as `verify`.
    """

    def has(self, digest: str) -> bool:
        """Whether the bytes are here."""

    def path(self, digest: str) -> Path:
        """The file that holds the bytes, mode 0444. Raises FetchError when absent."""

    def put_bytes(self, data: bytes) -> Digest:
        """Stores bytes."""

    def put_file(self, path: Path, *, expect: str | None = None, move: bool = False) -> Digest:
        """Stores a file's bytes (a copy, or the file itself). Raises HashMismatch, storing nothing,
        when they are not `expect`.
        """

    def put_stream(self, stream: IO[bytes], *, expect: str | None = None) -> tuple[Digest, int]:
        """Stores a stream, hashing while writing; digest and size. Raises HashMismatch as above."""

    def partial(self, digest: str) -> Path:
        """Where an unfinished download of these bytes waits: in the store's file system, so that
        `put_file(move=True)` is a rename.

        The directory exists; the file may not.
        """

    def verify(self, digest: str) -> bool:
        """Reads the bytes again and compares."""

    def memo(self, key: str) -> Any | None:
        """A derived fact kept next to the bytes (JSON), such as the diff ID of a wheel's layer;
        None when unknown. A cache only.
        """

    def remember(self, key: str, value: Any) -> None:
        """Keeps a derived fact."""


class Step(Protocol):
    """A finished build step: a stopped container, removed when the context ends."""

    @property
    def code(self) -> int:
        """Its exit code; 127 or 126 where its program is not there or cannot be executed."""

    @property
    def log(self) -> bytes:
        """What it said, stdout and stderr together."""

    def changes(self) -> list[tuple[int, str]]:
        """`docker diff`: (0 modified, 1 added, 2 deleted; path)."""

    def export(self) -> Iterator[bytes]:
        """The whole root file system as tar chunks."""

    def archive(self, path: str) -> Iterator[bytes]:
        """One file or directory of it as tar chunks; the members begin with its base name."""


class WheelMaker(Protocol):
    """Makes a wheel of a source distribution in a container without network."""

    def __call__(
        self, sdist: Sdist, build: BuildSystem, system: Lock, given: tuple[str, ...]
    ) -> Made:
        """The wheel, in the store.

        Args:
            system: base, Debian packages and interpreter to build on; its wheels are the build
                environment.
            given: requirements that the backend asked for in an earlier attempt.

        Raises:
            BuildError: the backend failed, with the end of its log.
        """


class ImageEngine(Protocol):
    """What `image` and `lock` need of an engine."""

    def inspect(self, reference: str) -> EngineImage | None:
        """An image by ID, tag or digest; None when the engine does not have it."""

    def containerd_store(self) -> bool:
        """Whether images live in the containerd store, where a layer counts as present only under
        our own manifest.
        """

    def chains(self, label: str | None = None, family: str = "") -> list[tuple[str, ...]]:
        """Diff IDs, bottom first, of every image that the engine holds.

        Only of those that carry the label, when one is given, and whose RepoDigests all begin with
        `family`, when that is: an image that was pulled or pushed has the digests of other
        repositories.
        """

    def load(self, chunks: Iterable[bytes]) -> None:
        """Loads an image archive. An exception of the iterable itself comes out as it is."""

    def tag(self, reference: str, tag: str) -> None:
        """Names an image."""

    def remove_image(self, reference: str) -> None:
        """Forgets an image or tag; absent is fine."""

    def pull(self, reference: str) -> EngineImage:
        """Pulls by digest or tag."""

    def push(self, reference: str) -> str:
        """Pushes a named image; its address by digest at the registry, `host/name@sha256:...`."""

    def save(self, reference: str) -> Iterator[bytes]:
        """The image as an archive."""

    def build(
        self, context: Path, dockerfile: str, tag: str, say: Callable[[str], None]
    ) -> EngineImage:
        """Builds a user's Dockerfile."""

    def step(self, container: Container) -> AbstractContextManager[Step]:
        """Runs a build step to its end."""


class RunEngine(Protocol):
    """What `flow` needs of an engine to execute a container. Never attached, never auto-removed:
    create, start, wait, remove.
    """

    def info(self) -> dict[str, Any]:
        """Engine name and version, API, runtimes, runc and containerd versions, storage driver,
        cgroup version, id, boot facts.
        """

    @property
    def address(self) -> str:
        """Where the engine is reached, as a URL."""

    def home(self) -> EngineHome:
        """What distinguishes this engine from others."""

    def mark(self) -> str:
        """The engine's mark, made when it has none; empty where it cannot hold one."""

    def create(self, container: Container) -> str:
        """Creates a named, labelled container; its ID. A container of that name that exists already
        is taken (idempotent).
        """

    def start(self, container_id: str) -> None:
        """Starts it. Raises EngineError, or GpuUnavailable, with the engine's reason."""

    def state(self, container_id: str) -> ContainerState | None:
        """By ID or name; None when there is none."""

    def wait(self, container_id: str, timeout: float | None = None) -> ContainerState:
        """Blocks until it has ended (reconnecting when the engine restarts), or `timeout` seconds;
        the state either way.
        """

    def signal(self, container_id: str, name: str) -> None:
        """Sends its first process a signal; absent or already stopped is fine."""

    def stop(self, container_id: str, grace: float) -> None:
        """TERM, then KILL after `grace` seconds; absent or already stopped is fine."""

    def kill(self, container_id: str) -> None:
        """KILL at once; absent or already stopped is fine."""

    def remove(self, container_id: str) -> None:
        """Forgets it; absent or being removed is fine."""

    def find(self, labels: dict[str, str]) -> list[ContainerState]:
        """All containers with these labels, running or not."""

    def gpus_offered(self) -> str | None:
        """How GPUs can be handed over here: `nvidia` (--gpus), `cdi`, or None."""
