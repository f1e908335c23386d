"""What must hold after any death on the way: what arrived is whole, what was said is there, and a
second try brings the rest.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import harness_travel
from harness_program import FIRST, SECOND
from travelling import There, snapshot

from reprobox.errors import ReproboxError
from reprobox.store import garbage, integrity
from reprobox.store.remotes.directory import Directory
from reprobox.store.remotes.remote_store import RemoteStore

LATER = 40 * 24 * 3600.0
"""Seconds: after so long, gc and a push may take everything that a death left."""
_LATE = ("verdicts", "statements")
"""What may come to a run after it is there."""


def check(scenario: str, root: Path, said: list[list[str]]) -> list[str]:
    """Everything that is wrong with the places, given what the program had said before it died."""
    try:
        return list(_CHECKS[scenario](root, said))
    except (ReproboxError, OSError) as error:
        return [f"recovery failed: {error!r}"]


def _export(root: Path, said: list[list[str]]) -> Iterator[str]:
    out, words = root / "out.rbx", [line[0] for line in said]
    if out.exists():
        yield from _holds_all(lambda other: other.import_(out.read_bytes()), root)
    elif "exported" in words:
        yield "lost: a bundle that was written"
    left = {name for name in os.listdir(root) if name.startswith(".")}
    # While a bundle is replaced, the new one has a name of its own for the moment between two
    # calls.
    if len(left) > words.count("exported"):
        yield f"left behind: {left}"
    harness_travel.export(root) if not out.exists() else None


def _arrival(root: Path, said: list[list[str]]) -> Iterator[str]:
    other = harness_travel.there(root)
    visible = set(other.published())
    for line in said:
        if line[0] == "arrived" and line[1] not in visible:
            yield f"lost: {line[1]}"
    for run in visible:
        yield from _same(other, root, run, whole="all" in {line[0] for line in said})
    yield from _sound(other, visible)
    harness_travel.import_(root)
    yield from _complete(other, root)
    garbage.carry_out(
        other.top / ".reprobox",
        garbage.plan(other.top / ".reprobox", now=LATER * 1000),
        now=LATER * 1000,
    )
    garbage.carry_out(
        other.shared.root, garbage.plan(other.shared.root, now=LATER * 1000), now=LATER * 1000
    )
    if other.waiting():
        yield f"left behind, also by gc: {other.waiting()}"
    yield from _complete(other, root, tidy=True)


def _complete(other: There, root: Path, *, tidy: bool = False) -> Iterator[str]:
    for run in (FIRST, SECOND):
        yield from _same(other, root, run, whole=True, tidy=tidy)
    yield from _sound(other, {FIRST, SECOND}, strict=True)


def _sound(other: There, visible: set[str], *, strict: bool = False) -> Iterator[str]:
    for store in (other.top / ".reprobox", other.shared.root):
        for fault in integrity.check(store).faults:
            cut_off = (
                "announced and is not there" in fault.why and fault.what.split()[-1] not in visible
            )
            if strict or not cut_off:
                yield f"{fault.kind}: {fault.what}: {fault.why}"


def _same(other: There, root: Path, run: str, *, whole: bool, tidy: bool = False) -> Iterator[str]:
    """A run that is there has every byte of its original; verdicts and statements may still be on
    their way.

    Args:
        whole: they have come.
        tidy: gc has been there, so nothing unfinished may be left of a death.
    """
    wanted, found = snapshot(harness_travel.here(root).path(run)), snapshot(other.runs.path(run))
    if not tidy:
        found = {name: what for name, what in found.items() if "/.tmp-" not in name}
    late = {name for name in wanted if name.split("/")[0] in _LATE}
    expected = (
        wanted
        if whole
        else {name: what for name, what in wanted.items() if name not in late or name in found}
    )
    if found != expected:
        yield f"{run} is not as it was: {_difference(expected, found)}"


def _difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )


def _holds_all(take: Callable[[There], object], root: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=root.parent) as place:
        fresh = There(Path(place, "fresh"))
        take(fresh)
        yield from _complete(fresh, root)


def _sending(root: Path, said: list[list[str]]) -> Iterator[str]:
    far = root / "further"
    there = Directory(far).names("runs")
    for line in said:
        if line[0] == "arrived" and f"{line[1]}.json" not in there:
            yield f"lost: {line[1]}"
    for run in (FIRST, SECOND):
        if f"{run}.json" in there:
            with tempfile.TemporaryDirectory(dir=root.parent) as place:
                fresh = There(Path(place, "fresh"))
                fresh.take(RemoteStore(Directory(far)).choose([run]))
                yield from _same(fresh, root, run, whole=True)
    for _ in range(2):
        harness_travel.push(root)
        for path in far.rglob("*"):
            os.utime(path, (1, 1))
    yield from _holds_all(lambda fresh: fresh.take(RemoteStore(Directory(far)).choose([])), root)
    left = [
        str(path.relative_to(far))
        for path in far.rglob("*")
        if path.is_file() and "tmp" in str(path.relative_to(far))
    ]
    if left:
        yield f"left behind, also by a later push: {left}"


_CHECKS: dict[str, Callable[[Path, list[list[str]]], Iterator[str]]] = {
    "export": _export,
    "import": _arrival,
    "pull": _arrival,
    "push": _sending,
}


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """The scenarios speak when they are carried out again."""
    with tempfile.TemporaryFile() as nothing, contextlib.redirect_stdout(io.StringIO()):
        kept = os.dup(1)
        os.dup2(nothing.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
