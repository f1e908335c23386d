"""Tests mirror the rooms: tests/room/test_x.py tests reprobox/room/x.py."""

from __future__ import annotations

from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
WITHOUT = {
    "engine/engine.py": "a protocol; each engine's tests hold what it asks",
    "executor/scheduler.py": "a protocol and its values; test_schedulers.py holds what it asks",
    "executor/journal.py": "deaths at every step: test_local_kills.py and test_reconcile.py",
    "executor/scheduled_executor.py": "test_scheduled_runs.py and test_slurm.py, on a real cluster",
}
"""Modules that have no test file of their name, and what holds them instead."""
SHARES = {
    ". attest config data engine executor image judge kit web": 0.95,
    ". attest cli commands config data engine executor image judge kit lock model runtime source "
    "store trackers views web": 0.65,
}
"""How many of the modules of these rooms have one, at least."""


def place_of(module: Path) -> Path:
    """Where the tests of a module are; a leading underscore is dropped."""
    inside = module.relative_to(TOP / "reprobox")
    return TOP / "tests" / inside.parent / f"test_{inside.stem.lstrip('_')}.py"


def modules(rooms: str) -> list[Path]:
    found = []
    for room in rooms.split():
        folder = TOP / "reprobox" / room
        paths = folder.glob("*.py") if room == "." else folder.rglob("*.py")
        found += [path for path in paths if path.name != "__init__.py"]
    return found


@pytest.mark.parametrize("rooms", SHARES, ids=["nearly all", "the whole house"])
def test_modules_have_their_tests_where_one_looks_for_them(rooms: str) -> None:
    all_ = modules(rooms)
    missing = [path for path in all_ if not place_of(path).exists()]
    named = sorted(path.relative_to(TOP / "reprobox").as_posix() for path in missing)
    assert 1 - len(missing) / len(all_) >= SHARES[rooms], "\n".join(named)


@pytest.mark.parametrize("path", WITHOUT)
def test_an_exception_is_a_module_without_a_test_of_its_name(path: str) -> None:
    module = TOP / "reprobox" / path
    assert module.exists()
    assert not place_of(module).exists(), "strike it off the list"
