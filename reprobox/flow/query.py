"""ls, show, logs, diff: reading what has been recorded. Each first settles runs that were left half-way (reconcile)."""

from __future__ import annotations

import base64
import contextlib
import re
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from reprobox.errors import EngineError, EngineUnavailable, UsageError
from reprobox.flow import compare, reconcile
from reprobox.flow.box import Box
from reprobox.kit import units
from reprobox.model import codec
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.verdict import Verdict
from reprobox.store.settings import Setting
from reprobox.store.summary import RunRow

_CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class VerdictRow:
    """A verdict that a replay of the run left."""

    id: str
    result: str
    created: float
    host: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Shown:
    """All there is to say of one run."""

    id: str
    state: str
    path: Path
    record: Record | None
    digest: str | None
    outputs: tuple[OutputFile, ...]
    verdicts: tuple[VerdictRow, ...]

    def as_json(self) -> dict[str, Any]:
        """Stable keys; nulls kept."""
        return {
            "id": self.id,
            "state": self.state,
            "path": str(self.path),
            "digest": self.digest,
            "record": codec.to_json(self.record) if self.record else None,
            "outputs": [codec.to_json(file) for file in self.outputs],
            "replays": [{"id": row.id, "result": row.result, "created": row.created, "host": row.host} for row in self.verdicts],
        }


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which runs are to be listed, as people say it."""

    name: str | None = None
    tag: str | None = None
    state: str | None = None
    since: str | None = None
    until: str | None = None
    commit: str | None = None
    where: Sequence[str] = ()


def list_runs(box: Box, wanted: Wanted, *, limit: int | None) -> list[RunRow]:
    """Runs, newest first.

    Raises:
        UsageError: a date or setting makes no sense.
        SourceError: git knows no such commit.
    """
    since, until = _moment(box, wanted.since, 0), _moment(box, wanted.until, 1)
    commit, settings = _commit(box, wanted.commit), [_setting(text) for text in wanted.where]
    containers = reconcile.container_state(box) if reconcile.settle(box) else None
    return list(
        box.runs.list(
            limit=limit,
            name=wanted.name,
            tag=wanted.tag,
            state=wanted.state,
            since=since,
            until=until,
            commit=commit,
            settings=settings,
            containers=containers,
        )
    )


def _moment(box: Box, text: str | None, end: int) -> float | None:
    try:
        return units.moments_of(text, box.clock())[end] if text is not None else None
    except (ValueError, OverflowError) as error:
        raise UsageError(str(error), next_step="reprobox ls --help") from error


def _commit(box: Box, text: str | None) -> str | None:
    """Some digits of a commit's name are a prefix; all else is for git to say."""
    if text is None or re.fullmatch(r"[0-9a-f]{4,64}", text.lower()):
        return text and text.lower()
    from reprobox.source.repo import open_repo, resolve

    return resolve(open_repo(box.top), text)


def _setting(text: str) -> Setting:
    from reprobox.config.load import recordable
    from reprobox.config.overrides import pair

    key, value, raw = pair(text)
    return Setting(key=key, values=(recordable({"": value})[""], raw))


def show(box: Box, reference: str) -> Shown:
    """One run, with its outputs and the verdicts of its replays."""
    reconcile.settle(box)
    run_id = box.runs.find(reference)
    state = box.runs.state(run_id, reconcile.container_state(box))
    if not state.recorded:
        return Shown(id=run_id, state=state.name, path=box.runs.path(run_id), record=None, digest=None, outputs=(), verdicts=())
    record, digest = box.runs.record(run_id)
    return Shown(
        id=run_id,
        state=state.name,
        path=box.runs.path(run_id),
        record=record,
        digest=digest,
        outputs=box.runs.outputs(run_id),
        verdicts=tuple(_verdicts(box, run_id)),
    )


def _verdicts(box: Box, run_id: str) -> Iterator[VerdictRow]:
    for row in box.runs.list(replay_of=run_id):
        for verdict in box.runs.verdicts(row.id):
            record, _ = box.runs.record(row.id)
            host = record.intent.host
            yield VerdictRow(
                id=row.id,
                result=verdict.result,
                created=verdict.checked,
                host=f"{host.get('user')}@{host.get('name')}",
                verdict=verdict,
            )


def diff(box: Box, left: str, right: str) -> Verdict:
    """The comparison of any two finished runs."""
    return compare.compare(box, *reconcile.find_all(box, (left, right)))


def logs(box: Box, reference: str, *, follow: bool) -> Iterator[tuple[str, bytes]]:
    """What a run wrote: (`stdout` or `stderr`, bytes); with `follow`, until it has ended."""
    run_id = reconcile.find(box, reference)
    if _recorded(box, run_id):
        yield from _finished_logs(box.runs.path(run_id))
        return
    out = box.runs.path(run_id) / "out"
    lines = _Lines()
    from reprobox.flow.watch import Follow

    with Follow(out, lines) as live:
        while True:
            live.pump()
            yield from lines.take()
            if not follow or not _goes_on(box, run_id):
                break
        live.pump()
        yield from lines.take()
        seen = live.opened
    if _recorded(box, run_id):
        yield from _finished_logs(box.runs.path(run_id), but=seen)


def _recorded(box: Box, run_id: str) -> bool:
    return (box.runs.path(run_id) / "record.json").exists()


def _goes_on(box: Box, run_id: str) -> bool:
    """Waits a little; whether more may come. The container may not be there yet, or be gone, since the record is there."""
    try:
        return box.engine.wait(f"reprobox-{run_id}", 0.2).status in (*reconcile.LIVE, "created")
    except EngineUnavailable:
        raise
    except EngineError:
        if _recorded(box, run_id) or not box.runs.held(run_id):
            return False
        time.sleep(0.1)
        return True


def _finished_logs(path: Path, but: Collection[str] = ()) -> Iterator[tuple[str, bytes]]:
    for name in sorted({"stdout", "stderr"} - set(but), reverse=True):
        with contextlib.suppress(FileNotFoundError), (path / name).open("rb") as file:
            yield from ((name, chunk) for chunk in _chunks(file))


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


class _Lines:
    """A sink that keeps what comes until it is taken."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, bytes]] = []

    def write(self, stream: str, data: bytes) -> None:
        self._kept.append((stream, data))

    def take(self) -> list[tuple[str, bytes]]:
        kept, self._kept = self._kept, []
        return kept


def logs_json(box: Box, reference: str) -> dict[str, Any]:
    """Both streams; bytes that are not UTF-8 as base64 beside a null text."""
    run_id = reconcile.find(box, reference)
    streams: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
    for name, chunk in logs(box, run_id, follow=False):
        streams[name] += chunk
    return {"id": run_id, **{name: _text(bytes(data)) for name, data in streams.items()}}


def _text(data: bytes) -> dict[str, str | None]:
    try:
        return {"text": data.decode(), "base64": None}
    except UnicodeDecodeError:
        return {"text": None, "base64": base64.b64encode(data).decode()}
