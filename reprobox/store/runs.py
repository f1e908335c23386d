"""The runs of a project: begun, held, finished, found, listed, removed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprobox.errors import RunBusy, RunNotFound, StoreDamaged
from reprobox.kit import canon, fd_trees, files
from reprobox.kit.canon import Digest
from reprobox.model import codec
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Intent, Record
from reprobox.store import (
    annotation_log,
    heads,
    layout,
    output_manifest,
    run_documents,
    run_ids,
    run_state,
    run_values,
    rundir,
    trash,
)
from reprobox.store.config_index import Setting
from reprobox.store.index import Index
from reprobox.store.run_row import OPEN, RunRow
from reprobox.store.run_state import Containers, Elsewhere, RunState
from reprobox.store.rundir import RunDir

if TYPE_CHECKING:
    from reprobox.model.verdict import Verdict
    from reprobox.store import run_table

_LOOKING = 0.2
"""Seconds that a lock must be taken before its holder counts as one."""
_SWEEP_AFTER = 3600.0
"""Seconds: a run directory without an intent may be one that is being made right now."""
_REMEMBERED = 4
"""Records that stay decoded: a comparison asks for two of them several times."""
_Known = tuple[tuple[tuple[int, ...] | None, ...] | None, Record, Digest]


class Runs:
    """Everything under `runs/`; the directories are the truth, `index.sqlite` is their cache."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "runs"
        self.index = Index(root)
        self._records: dict[str, _Known] = {}

    def new_id(self, now: float | None = None) -> str:
        """An id that no run has."""
        return run_ids.new_id(
            time.time() if now is None else now, lambda run_id: (self.folder / run_id).exists()
        )

    def begin(self, intent: Intent, extra: Mapping[str, bytes], position: int = 0) -> RunDir:
        """Makes a run: its directory, its lock, `extra` files such as `config.yaml`, and last the
        intent; all durable.

        Args:
            position: in the order of arrival; 0 for the next, which the index is asked for.

        Raises:
            RunBusy: the id is taken.
            StoreError: something could not be written; nothing is left.
        """
        layout.ensure(self.root)
        with layout.trouble(f"creating run {intent.id}"):
            try:
                position = position or self.index.last_arrival() + 1
                return rundir.create(self.root, intent, extra, position)
            except FileExistsError as fault:
                raise RunBusy(
                    f"there is a run {intent.id} already", next_step="try again: ids are random"
                ) from fault

    def hold(self, run_id: str, *, wait: bool = False) -> RunDir:
        """Takes over a run whose supervisor is dead (the kernel freed its lock).

        Raises:
            RunNotFound: there is no such run.
            RunBusy: another process holds it, and `wait` is False.
        """
        path = self._existing(run_id)
        stack = contextlib.ExitStack()
        with layout.trouble(f"locking run {run_id}"):
            try:
                _lock(stack, path / "lock", wait)
            except BlockingIOError as fault:
                raise RunBusy(
                    f"run {run_id} is held by another process",
                    next_step=f"reprobox logs -f {run_id}",
                ) from fault
            except FileNotFoundError as fault:
                raise _not_found(run_id) from fault
            try:
                # The process that held it may have removed it.
                self._existing(run_id)
                # Who takes over may rely on the directory's own name, and on every name in it.
                files.fsync_dir(self.folder)
                files.fsync_dir(path)
            except BaseException:
                stack.close()
                raise
        return RunDir(self.root, run_id, stack)

    def held(self, run_id: str) -> bool:
        """Whether a process holds the run."""
        with layout.trouble(f"looking at run {run_id}"):
            try:
                with files.locked(self._existing(run_id) / "lock", wait=False, shared=True):
                    return False
            except BlockingIOError:
                return True
            except FileNotFoundError as fault:
                raise _not_found(run_id) from fault

    def intent(self, run_id: str) -> Intent:
        """What the run wanted."""
        data = self._document(run_id, run_documents.INTENT)
        return codec.decode(Intent, data, where=f"the intent of {run_id}")

    def started(self, run_id: str) -> rundir.Started | None:
        """The container that was created for the run; None before that."""
        try:
            return codec.decode(
                rundir.Started, self._read(run_id, "started.json"), where=f"the start of {run_id}"
            )
        except FileNotFoundError:
            return None

    def record(
        self, run_id: str, announced: heads.Announced | None = None
    ) -> tuple[Record, Digest]:
        """The run's record, and the digest of its stored bytes.

        Args:
            announced: what an unbroken heads.log says of it. Where that names the digest of what
                lies on the disk, the whole record need not be put together and hashed.

        Raises:
            RunNotFound: there is no such run.
            RunBusy: it has no record yet.
            StoreDamaged: the bytes are not the ones that were written.
        """
        path = self._existing(run_id)
        seen = _stamps(path)
        known = self._records.get(run_id)
        if known is None or seen is None or known[0] != seen:
            found = announced and _announced_bytes(path, announced)
            short, digest = found or self._record_bytes(path)[::2]
            known = (seen, run_documents.record_of(path, short), digest)
            while len(self._records) >= _REMEMBERED:
                self._records.pop(next(iter(self._records)))
            self._records[run_id] = known
        return known[1], known[2]

    def record_bytes(self, run_id: str) -> bytes:
        """The bytes of a record, checked against the checksum next to them; errors as `record`."""
        return self._record_bytes(self._existing(run_id))[1]

    def _record_bytes(self, path: Path) -> tuple[bytes, bytes, Digest]:
        """As they lie on the disk in a run's directory, and whole; with the digest of the whole."""
        run_id = path.name
        try:
            short = _read(path, run_documents.RECORD)
            data = run_documents.whole(path, run_documents.RECORD, short)
        except FileNotFoundError as fault:
            self._existing(run_id)  # it may have been removed meanwhile
            raise RunBusy(
                f"run {run_id} has no record yet",
                why="It is still running, or its end has not been collected.",
                next_step=f"reprobox show {run_id}",
            ) from fault
        expected, found = _seal(path), canon.digest_bytes(data)
        if found != expected:
            self._existing(run_id)  # as above
            raise StoreDamaged(
                f"the record of {run_id} is damaged",
                why=f"It was written as {expected}, its bytes are {found}.",
                next_step="`reprobox fsck` names all damage; where a good copy is, fetch it after "
                f"`reprobox rm {run_id}`",
            )
        return short, data, found

    def outputs(self, run_id: str, record: Record | None = None) -> tuple[OutputFile, ...]:
        """The output manifest, checked against the record, which may have been read already."""
        record = record or self.record(run_id)[0]
        try:
            data = self._read(run_id, "outputs.jsonl")
        except FileNotFoundError:
            data = b""
        if canon.digest_bytes(data) != record.outputs.manifest:
            raise StoreDamaged(
                f"the output manifest of {run_id} is damaged or gone", next_step="reprobox fsck"
            )
        return output_manifest.read_manifest(data, checked=True)

    def outputs_stayed(self, run_id: str) -> bool:
        """Whether the run came from elsewhere without its outputs: their hashes are here, and their
        bytes never were.
        """
        outputs = f"{self._existing(run_id)}/outputs"
        return not layout.exists(outputs) and self.started(run_id) is None

    def state(
        self, run_id: str, containers: Containers, elsewhere: Elsewhere | None = None
    ) -> RunState:
        """What became of the run; see `store/run_state.py`."""
        if self.finished(run_id):
            return run_state.of_exit(self.record(run_id)[0].exit)
        intent, started = self.intent(run_id), self.started(run_id)
        held = self.held(run_id)
        if not held and elsewhere and (where := elsewhere(intent)) and not self.finished(run_id):
            return run_state.of_another(where)
        container = containers(started.container if started else intent.container)
        if self.finished(run_id):
            # It was finished while we looked.
            return run_state.of_exit(self.record(run_id)[0].exit)
        return run_state.of_open(supervised=held, started=started is not None, container=container)

    def path(self, run_id: str) -> Path:
        """The run's directory. Raises RunNotFound."""
        return self._existing(run_id)

    def finished(self, run_id: str) -> bool:
        """Whether the run has a record."""
        path = self._existing(run_id)
        with layout.trouble(f"looking at run {run_id}"):
            return layout.exists(f"{path}/record.json")

    def unfinished(self) -> list[str]:
        """Ids of the runs without a record, oldest first. Every command asks for them, hence from
        the index.
        """
        return sorted(row.id for row in self.index.rows("state = ? AND created >= 0", (OPEN,)))

    def ids(self) -> list[str]:
        """Every run's id, oldest first, removed runs left out. A directory without an intent is a
        run that never happened.
        """
        with layout.trouble("listing the runs"):
            try:
                names = os.listdir(self.folder)
            except FileNotFoundError:
                return []
        return sorted(
            name
            for name in trash.living(names)
            if layout.closed(f"{self.folder}/{name}")
            or layout.exists(f"{self.folder}/{name}/intent.json")
        )

    def has(self, run_id: str) -> bool:
        """Whether there is such a run. Raises StoreError when that cannot be determined."""
        try:
            self._existing(run_id)
        except RunNotFound:
            return False
        return True

    def headless(self) -> list[str]:
        """Ids of runs whose intent is gone: a user, or the disk, has removed it."""
        with layout.trouble("listing the runs"):
            try:
                names = os.listdir(self.folder)
            except FileNotFoundError:
                return []
            found = (
                name
                for name in trash.living(names)
                if not layout.closed(f"{self.folder}/{name}")
                and not layout.exists(f"{self.folder}/{name}/intent.json")
            )
            return sorted(name for name in found if not rundir.unborn(self.folder / name))

    def find(self, reference: str) -> str:
        """The id that a reference means (id, unique prefix, name, words, `latest`, `latest~1`); see
        `store/selectors.py`.
        """
        from reprobox.store import selectors

        return selectors.find(self.index, reference)

    def list(
        self,
        *,
        limit: int | None = None,
        name: str | None = None,
        tag: str | None = None,
        state: str | None = None,
        since: float | None = None,
        until: float | None = None,
        commit: str | None = None,
        settings: Sequence[Setting] = (),
        replay_of: str | None = None,
        containers: Containers | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> Iterator[RunRow]:
        """Runs, newest first; every filter that is given must hold.

        Args:
            limit: how many at most; None for all.
            name: the name; `*` and `?` as in file names.
            tag: one of the tags.
            state: one of the names in `store/run_state.py`.
            since: seconds since 1970; runs created then or later.
            until: runs created before then.
            commit: how the commit's name begins.
            settings: values in the run's config.
            replay_of: id of the original.
            containers: for the state of runs without a record; without it the locks alone decide
                between `running`, `queued` and `open` (no process holds it; the engine would know
                more).
            elsewhere: recognises runs of other hosts and engines, which are not judged.
        """
        from reprobox.store import run_list

        return run_list.rows(
            self.index,
            lambda row: self._state_name(row.id, containers, elsewhere),
            run_list.Filter(
                name=name,
                tag=tag,
                state=state,
                since=since,
                until=until,
                commit=commit,
                settings=tuple(settings),
                replay_of=replay_of,
            ),
            limit,
        )

    def table(
        self,
        query: run_table.Query,
        read: run_values.Reader,
        *,
        containers: Containers | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> Sequence[run_table.ValuedRow]:
        """Runs with values next to them, filtered and sorted by values; see `run_table`."""
        from reprobox.store import run_table

        return run_table.rows(
            self.index,
            read,
            lambda row: self._state_name(row.id, containers, elsewhere),
            query,
        )

    def count(
        self,
        query: run_table.Query,
        read: run_values.Reader,
        *,
        containers: Containers | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> int:
        """How many runs a query means, whatever its limit."""
        from reprobox.store import run_table

        return run_table.count(
            self.index,
            read,
            lambda row: self._state_name(row.id, containers, elsewhere),
            query,
        )

    def metrics_of(self, ids: Sequence[str], read: run_values.Reader) -> Sequence[str]:
        """Names of the metrics that some runs have, those of most runs first."""
        return self.index.ask_values(read, lambda database: run_values.metrics_of(database, ids))

    def values_of(
        self, ids: Sequence[str], names: Sequence[str], read: run_values.Reader
    ) -> Mapping[str, tuple[run_values.Scalar, ...]]:
        """Metrics of some runs by name, in the order of the names."""
        return self.index.ask_values(read, lambda database: run_values.chosen(database, ids, names))

    def groups(
        self,
        query: run_table.Query,
        read: run_values.Reader,
        by: int,
        *,
        containers: Containers | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> Sequence[run_table.Group]:
        """Runs grouped by a column of the query; see `run_table`."""
        from reprobox.store import run_table

        return run_table.groups(
            self.index,
            read,
            lambda row: self._state_name(row.id, containers, elsewhere),
            query,
            by,
        )

    def value_names(self, read: run_values.Reader) -> Sequence[tuple[str, str, int]]:
        """(kind, name, number of runs) of every value that runs have."""
        return self.index.ask_values(read, run_values.counted_names)

    def values(self, run_id: str, read: run_values.Reader) -> run_values.RunValues:
        """Parameters, metrics and series of one run."""
        return self.index.ask_values(read, lambda database: run_values.of_run(database, run_id))

    def annotate(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Gives names, tags and notes to runs that are there; see `annotation_log`."""
        annotation_log.add(self.root, entries)

    def annotation(self, run_id: str) -> annotation_log.Annotation:
        """What was said of a run after it was started."""
        return annotation_log.read(self.root).get(run_id, annotation_log.Annotation())

    def _state_name(
        self, run_id: str, containers: Containers | None, elsewhere: Elsewhere | None
    ) -> str:
        if containers is not None:
            return self.state(run_id, containers, elsewhere).name
        if self.held(run_id):
            return "running" if self.started(run_id) else "queued"
        return "open"

    def add_verdict(self, run_id: str, verdict: Verdict) -> Path:
        """Keeps a verdict next to a run, under the next free number."""
        from reprobox.store import verdict_files

        return verdict_files.add(self._existing(run_id), verdict)

    def verdicts(self, run_id: str) -> tuple[Verdict, ...]:
        """A run's verdicts, oldest first."""
        from reprobox.store import verdict_files

        return tuple(
            verdict_files.read(path) for path in verdict_files.paths(self._existing(run_id))
        )

    def remove(self, run_id: str) -> None:
        """Deletes a run, its outputs included.

        Raises:
            RunBusy: it is still running.
        """
        with self.hold(run_id) as held:
            self._delete(held)

    def _delete(self, held: RunDir) -> None:
        run_id = held.id
        with layout.trouble(f"removing run {run_id}"):
            if layout.exists(held.path / "record.json"):
                heads.append(self.root, run_id, "removed")
            doomed = self.root / "tmp" / f"removed-{run_id}-{os.urandom(4).hex()}"
            os.rename(held.path, doomed)
            files.fsync_dir(self.folder)
            # Only now: a mark that goes first would let a power cut bring the run back.
            trash.unmark(self.folder, run_id)
            fd_trees.remove(doomed)

    def trash(self, run_id: str, now: float | None = None) -> None:
        """Removes a run, so that `restore` can bring it back until `gc` deletes it.

        Raises:
            RunBusy: it is still running, or has no record.
        """
        with self.hold(run_id) as held, layout.trouble(f"removing run {run_id}"):
            if not layout.exists(held.path / "record.json"):
                raise RunBusy(f"run {run_id} has no record yet", next_step="reprobox ls")
            trash.mark(self.folder, run_id, time.time() if now is None else now)

    def restore(self, run_id: str) -> None:
        """Brings a removed run back.

        Raises:
            RunNotFound: there is no such removed run.
        """
        with self._held_removed(run_id) as held, layout.trouble(f"restoring run {run_id}"):
            announced = heads.last(self.root, run_id)
            if announced is not None and announced.event == "removed":
                # A deletion was cut off after it was announced.
                digest = run_documents.digest(held.path, run_documents.RECORD)
                heads.append(self.root, run_id, "record", digest)
            trash.unmark(self.folder, run_id)

    def purge(self, run_id: str, before: float) -> bool:
        """Deletes a removed run for good; False when it was restored, or removed after `before`."""
        try:
            with self._held_removed(run_id) as held:
                if trash.read(self.folder, run_id).at > before:
                    return False
                self._delete(held)
        except (RunNotFound, RunBusy):
            return False
        return True

    def removed(self) -> dict[str, float]:
        """Removed runs that can be restored, oldest run first, each with when it was removed
        (seconds since 1970).
        """
        with layout.trouble("listing the removed runs"):
            try:
                names = os.listdir(self.folder)
            except FileNotFoundError:
                return {}
            found = {}
            for run_id in trash.marked(names):
                with contextlib.suppress(FileNotFoundError):
                    if layout.exists(self.folder / run_id / "intent.json"):
                        found[run_id] = trash.read(self.folder, run_id).at
            return found

    def removed_intent(self, run_id: str) -> Intent:
        """What a removed run wanted. Raises StoreDamaged when it cannot be read."""
        path = self.folder / run_id / "intent.json"
        with layout.trouble(f"reading {path}"):
            data = run_documents.read(path.parent, run_documents.INTENT)
        return codec.decode(Intent, data, where=f"the intent of {run_id}")

    def is_removed(self, run_id: str) -> bool:
        """Whether the run was removed and can be restored."""
        with layout.trouble(f"looking for run {run_id}"):
            return trash.is_removed(self.folder, run_id) and layout.exists(
                self.folder / run_id / "intent.json"
            )

    def _held_removed(self, run_id: str) -> RunDir:
        """A removed run, held, so that restoring it and deleting it exclude each other."""
        stack = contextlib.ExitStack()
        with layout.trouble(f"locking run {run_id}"), contextlib.suppress(FileNotFoundError):
            if run_ids.is_id(run_id) and self.is_removed(run_id):
                _lock(stack, self.folder / run_id / "lock", True)
                if self.is_removed(run_id):
                    return RunDir(self.root, run_id, stack)
        stack.close()
        raise RunNotFound(
            f"there is no removed run {run_id}",
            next_step="`reprobox rm --trash` lists the removed runs",
        )

    def sweep(self, dead: Collection[str] = ()) -> tuple[str, ...]:
        """Removes run directories that have no intent: their creator died before the run existed.
        Gives their names.

        Args:
            dead: ids whose creator is known to have died; the others must be old.
        """
        gone = []
        with layout.trouble("sweeping the runs"):
            for path in self._unborn(dead):
                with contextlib.suppress(BlockingIOError), files.locked(path / "lock", wait=False):
                    if rundir.unborn(path):
                        fd_trees.remove(path)
                        gone.append(path.name)
        return tuple(gone)

    def _unborn(self, dead: Collection[str]) -> Iterator[Path]:
        for path in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            young = path.name not in dead and time.time() - path.stat().st_mtime < _SWEEP_AFTER
            if not run_ids.is_id(path.name) or young or layout.closed(path):
                continue
            if rundir.unborn(path):
                yield path

    def _existing(self, run_id: str) -> Path:
        with layout.trouble(f"looking for run {run_id}"):
            if (
                run_ids.is_id(run_id)
                and layout.exists(f"{self.folder}/{run_id}/intent.json")
                and not trash.is_removed(self.folder, run_id)
            ):
                return self.folder / run_id
        raise _not_found(run_id)

    def _read(self, run_id: str, name: str) -> bytes:
        return _read(self._existing(run_id), name)

    def _document(self, run_id: str, name: str) -> bytes:
        return run_documents.whole(self._existing(run_id), name, self._read(run_id, name))


def _read(run: Path, name: str) -> bytes:
    place = f"{run}/{name}"
    with layout.trouble(f"reading {place}"):
        return files.read_whole(place)


def _announced_bytes(run: Path, announced: heads.Announced) -> tuple[bytes, Digest] | None:
    """A record as it lies on the disk, and the digest of the whole; None where its bytes or its
    seal are not those that were announced.
    """
    with contextlib.suppress(FileNotFoundError):
        short, seal = _read(run, run_documents.RECORD), _read(run, "record.sha256")
        own = canon.digest_bytes(short)
        if own == announced.short and seal == run_documents.seal_of(announced.record, own):
            return short, Digest(announced.record)
    return None


def _seal(run: Path) -> str:
    try:
        return run_documents.sealed(_read(run, "record.sha256"))
    except FileNotFoundError:
        return "unknown (record.sha256 is gone)"


def _stamps(run: Path) -> tuple[tuple[int, ...] | None, ...] | None:
    """By what a record's files that were read already are known to be the same; None: read them."""
    found = tuple(_stamp(f"{run}/{name}") for name in ("record.json", "record.sha256"))
    return None if None in found else found


def _stamp(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _not_found(run_id: str) -> RunNotFound:
    return RunNotFound(f"there is no run {run_id}", next_step="reprobox ls")


def _lock(stack: contextlib.ExitStack, path: Path, wait: bool) -> None:
    """Takes a run's lock. A process that only looks whether it is held (`held`, gc) has it for
    microseconds and is not a holder.
    """
    until = time.monotonic() + _LOOKING
    while True:
        try:
            stack.enter_context(files.locked(path, wait=wait))
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.005)
        else:
            return
