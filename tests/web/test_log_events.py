"""A live log as events for a browser."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reprobox.web import log_events


def events(run: Path, starts: dict[str, int], over: list[bool]) -> list[tuple[str, str]]:
    """(event, data) until the run is over."""

    async def collect() -> list[str]:
        ends = iter(over)
        found = log_events.follow(run, starts, lambda: next(ends), lambda: False)
        return [one async for one in found]

    # In a thread of its own: where the browser's tests ran before, this one has a loop that runs.
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(lambda: asyncio.run(collect())).result(60)
    parts = [
        dict(line.split(": ", 1) for line in one.splitlines() if line[:1] not in ("", ":"))
        for one in sent
    ]
    return [(one["event"], one["data"]) for one in parts if one]


def test_a_live_log_goes_on_where_the_browser_was(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_bytes(b"one\ntwo\nthree")
    found = events(tmp_path, {"stdout": 4, "stderr": 0}, [False, True])
    assert found == [("stdout", '["two"]'), ("stdout", '["three"]'), ("end", "{}")]
    assert log_events.starts("4.0", {"stdout": "1"}) == {"stdout": 4, "stderr": 0}
    assert log_events.starts("x.-1", {"stdout": "7"}) == {"stdout": 7, "stderr": 0}
    assert log_events.starts("", {"stdout": "9" * 30}) == {"stdout": 0, "stderr": 0}


def test_of_a_log_that_is_too_fast_the_middle_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_bytes(b"x" * 99 + b"\n")
    with (tmp_path / "stdout").open("ab") as log:
        log.truncate(50_000_000)
        log.seek(0, 2)
        log.write(b"\nlast\n")
    (kind, data), end = events(tmp_path, {"stdout": 0}, [True])
    lines = json.loads(data)
    assert kind == "stdout"
    assert "bytes are left out here" in lines[0]
    assert lines[-1] == "last"
    assert len(data) < 100_000
    assert end == ("end", "{}")
