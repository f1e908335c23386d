"""The pipe that ends a program with the process that supervises it."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

import pytest

from reprobox.executor.lifeline import NAME, Lifeline


def closed(reader: int) -> bool:
    """Whether nobody holds the other end: what the shim looks at."""
    seen = select.poll()
    seen.register(reader, 0)
    return bool(seen.poll(0))


def test_it_is_held_until_it_is_cut(tmp_path: Path) -> None:
    line = Lifeline()
    line.tie(tmp_path)
    place = tmp_path / NAME
    assert stat.S_ISFIFO(place.stat().st_mode)
    assert place.stat().st_mode & 0o777 == 0o600
    reader = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert not closed(reader)
        line.cut()
        assert closed(reader)
        line.cut()
    finally:
        os.close(reader)


def test_programs_that_are_started_do_not_hold_it_too(tmp_path: Path) -> None:
    line = Lifeline()
    line.tie(tmp_path)
    assert line._file is not None
    assert not os.get_inheritable(line._file)
    line.cut()
    with pytest.raises(FileExistsError):
        line.tie(tmp_path)


def test_the_shim_knows_it_by_the_same_name() -> None:
    import reprobox

    payload = Path(reprobox.__file__).parent / "runtime" / "payload" / "shim.py"
    assert f'"{NAME}"' in payload.read_text()
