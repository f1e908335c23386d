"""logs: what a run wrote to stdout and stderr, also while it is running."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from reprobox.context import Context
from reprobox.executor import executors, reconcile


def logs(context: Context, reference: str, *, follow: bool) -> Iterator[tuple[str, bytes]]:
    """What a run wrote: (`stdout` or `stderr`, bytes); with `follow`, until it has ended."""
    run_id = reconcile.find(context, reference)
    return executors.of_run(context, run_id).logs(run_id, follow=follow)


def logs_json(context: Context, reference: str) -> dict[str, Any]:
    """Both streams; bytes that are not UTF-8 as base64 next to a null text."""
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
