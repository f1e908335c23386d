"""logs: what a run wrote to stdout and stderr, also while it is running."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

from reprobox.context import Context
from reprobox.executor import reconcile, run_home

_CHUNK = 1 << 16


def logs(context: Context, reference: str, *, follow: bool) -> Iterator[tuple[str, bytes]]:
    """What a run wrote: (`stdout` or `stderr`, bytes); with `follow`, until it has ended."""
    run_id = reconcile.find(context, reference)
    if _recorded(context, run_id):
        yield from _finished_logs(context.runs.path(run_id))
        return
    where = run_home.elsewhere(context)(context.runs.intent(run_id))
    if where:
        context.progress.note(f"run {run_id} was started {where}; this is what it wrote so far")
    out = context.runs.path(run_id) / "out"
    lines = _Lines()
    from reprobox.executor.attach import Follow

    with Follow(out, lines) as live:
        while True:
            live.pump()
            yield from lines.take()
            if not follow or not reconcile.may_continue(context, run_id, elsewhere=bool(where)):
                break
        live.pump()
        yield from lines.take()
        seen = live.opened
    if _recorded(context, run_id):
        yield from _finished_logs(context.runs.path(run_id), but=seen)


def _recorded(context: Context, run_id: str) -> bool:
    return (context.runs.path(run_id) / "record.json").exists()


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


def logs_json(context: Context, reference: str) -> dict[str, Any]:
    """Both streams; bytes that are not UTF-8 as base64 beside a null text."""
    run_id = reconcile.find(context, reference)
    streams: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
    for name, chunk in logs(context, run_id, follow=False):
        streams[name] += chunk
    return {"id": run_id, **{name: _text(bytes(data)) for name, data in streams.items()}}


def _text(data: bytes) -> dict[str, str | None]:
    try:
        return {"text": data.decode(), "base64": None}
    except UnicodeDecodeError:
        return {"text": None, "base64": base64.b64encode(data).decode()}
