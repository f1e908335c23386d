"""One run's directory, held by its supervisor: what is written into it, and in which order.

The order is the promise: intent, then the container is created, then `started`, then it is started;
at the end outputs and streams, one `syncfs`, the announcement in heads.log, the record's own
checksum, and last the record. A process that dies at any point leaves a directory from which the
next command sees what happened and continues (see docs/reliability.md).
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from reprobox.errors import StoreError
from reprobox.kit import canon, fd_trees, files
from reprobox.kit.canon import Digest
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.model.record import Intent, Record
from reprobox.store import heads, layout, run_documents

SCRATCH = ("work", "box", "out", "etc", "inputs", "git")
"""Directories for while the run goes: the commit, the injected runtime, what the shim writes,
stand-ins for the image's passwd and group. Secrets are never here: they lie in memory.
"""
ARRIVAL = "arrival"
"""The file with a run's position in the order of arrival; it means something in this store only."""
KEPT = ("stdout", "stderr", "exit.json", "met.json")
"""Files of the shim that stay with the run."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """started.json: the container that exists for the run; written before it is started."""

    FORMAT: ClassVar[str] = "reprobox.started/1"

    format: str = FORMAT
    container: str
    at: float
    """Seconds since 1970."""


class RunDir:
    """A run that this process holds; use as a context manager, or `release` it."""

    def __init__(self, root: Path, run_id: str, lock: contextlib.ExitStack) -> None:
        self.id = run_id
        self.path = root / "runs" / run_id
        self._root = root
        self._lock = lock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Lets go of the run; the kernel does the same when the process dies."""
        self._lock.close()

    @property
    def outputs(self) -> Path:
        """Where collected outputs lie."""
        return self.path / "outputs"

    def clear_scratch(self) -> None:
        """Removes the scratch directories; they are not needed after the record is written."""
        with layout.trouble(f"clearing {self.path}"):
            for name in SCRATCH:
                fd_trees.remove(self.path / name)

    def started(self, container_id: str) -> None:
        """Notes the container, durably, before it is started. Noting the same run again is fine."""
        data = codec.encode(Started(container=container_id, at=time.time()))
        with layout.trouble(f"writing to {self.path}"):
            files.replace(self.path / "started.json", data, 0o600)

    def not_started(self) -> None:
        """Takes that note back, durably, before a container in which nothing ran goes: else the run
        would be lost, not unborn.
        """
        with layout.trouble(f"writing to {self.path}"):
            (self.path / "started.json").unlink(missing_ok=True)
            files.fsync_dir(self.path)

    def keep(
        self, name: str, source: Path, advance: Callable[[int], None] | None = None
    ) -> Digest | None:
        """Moves a file of the shim out of scratch and gives its digest; None when there is none, or
        it is not a regular file.

        The program could have put anything there, so a link is not followed. Made durable by
        `finish`.
        """
        if name not in KEPT:
            raise ValueError(f"not a file that stays with a run: {name!r}")
        final = self.path / name
        with layout.trouble(f"keeping {name}"):
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISREG(os.lstat(source).st_mode):
                    os.rename(source, final)
                    os.chmod(final, 0o600)
            try:
                return canon.digest_file(final, advance)
            except FileNotFoundError:
                return None

    def finish(self, record: Record, manifest: bytes) -> Digest:
        """Writes the end of the run and gives the record's digest. After a crash in here it is
        simply called again.

        Args:
            record: the whole record; its `outputs.manifest` is the digest of `manifest`.
            manifest: the bytes for outputs.jsonl.

        Raises:
            StoreError: something could not be written; there is no record then.
        """
        if record.id != self.id or record.outputs.manifest != canon.digest_bytes(manifest):
            raise ValueError("the record is not this run's, or not about these outputs")
        data = codec.encode(record)
        digest = canon.digest_bytes(data)
        with layout.trouble(f"writing the record of {self.id}"):
            if layout.exists(self.path / "record.json"):
                raise StoreError(
                    f"run {self.id} has a record already",
                    why="Records are written once and never edited.",
                )
            short = run_documents.kept(self._root, run_documents.RECORD, data)
            own = canon.digest_bytes(short)
            with (
                self._written(manifest) as lines,
                self._written(run_documents.seal_of(digest, own)) as seal,
            ):
                os.replace(lines, self.path / "outputs.jsonl")
                files.sync_filesystem(self.path)  # the bytes of both, and all that was collected
                heads.append(self._root, self.id, "record", digest, own)
                os.replace(seal, self.path / "record.sha256")
                files.fsync_dir(self.path)
            files.publish(self.path / "record.json", short, 0o600)
        return digest

    @contextlib.contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """A file of the run's directory that the block gives its name."""
        temp = files.temp_beside(self.path)
        try:
            files.write_new(temp, data)
            yield temp
        finally:
            temp.unlink(missing_ok=True)


def unborn(path: Path) -> bool:
    """Whether a run's directory is one that never became a run: the intent is its first document,
    so without it there is no other.

    Only such a directory may be removed unasked. With another document in it, it is a run that has
    lost its intent.
    """
    return not any(
        layout.exists(path / name) for name in ("intent.json", "started.json", "record.json")
    )


def arrival(run: Path | str) -> int:
    """A run's position in the order in which runs came into the store; 0 where there is none, or it
    cannot be read.
    """
    try:
        return int(files.read_whole(f"{run}/{ARRIVAL}")[:20])
    except (OSError, ValueError):
        return 0


def create(root: Path, intent: Intent, extra: Mapping[str, bytes], position: int) -> RunDir:
    """Makes the directory of a new run, takes its lock, and writes the intent last. See
    `Runs.begin`.

    Args:
        position: in the order of arrival.
    """
    path = root / "runs" / intent.id
    path.mkdir(mode=0o700)
    stack = contextlib.ExitStack()
    try:
        stack.enter_context(files.locked(path / "lock", wait=False))
        files.fsync_dir(path.parent)
        # Not forced to the disk by itself: what is lost with it is an order, for which there is the
        # time of creation.
        (path / ARRIVAL).write_text(f"{position}\n")
        for name, data in extra.items():
            # The directory is no run before it has an intent, whose sync of names is theirs too.
            files.write_synced(path / name, data)
        short = run_documents.kept(root, run_documents.INTENT, codec.encode(intent))
        files.publish(path / "intent.json", short)
    except BaseException:
        stack.close()
        # What went wrong first is what the user has to know; a directory without an intent is swept
        # later.
        with contextlib.suppress(OSError):
            fd_trees.remove(path)
        raise
    return RunDir(root, intent.id, stack)
