"""fsck and gc, over the project's store and the user's shared one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reprobox.errors import ReproboxError
from reprobox.flow import reconcile
from reprobox.flow.box import Box
from reprobox.flow.code import CODE, holder
from reprobox.kit import canon
from reprobox.model.runspec import InputPin
from reprobox.store import fsck as store_fsck
from reprobox.store import gc as store_gc
from reprobox.store import layout


@dataclass(frozen=True, kw_only=True)
class Health:
    """What fsck found in one store."""

    store: Path
    report: store_fsck.Report

    def as_json(self) -> dict[str, Any]:
        """Stable keys."""
        found = self.report
        return {
            "store": str(self.store),
            "objects": found.objects,
            "runs": found.runs,
            "code": found.code,
            "faults": [{"what": fault.what, "kind": fault.kind, "why": fault.why} for fault in found.faults],
        }


def stores(box: Box, *, shared: bool) -> list[Path]:
    """The project's store and, when asked, the shared one, which every project of the user has in common."""
    return [box.runs.root, *([box.objects.root] if shared else [])]


def fsck(box: Box, *, shared: bool = True) -> list[Health]:
    """Reads and hashes objects, runs, and in the project what came with imported runs: commits and input trees. Changes nothing.

    Raises:
        NewerFormat, StoreError: a store itself cannot be read.
    """
    own, *others = [store_fsck.check(root, box.progress) for root in stores(box, shared=shared)]
    whole = replace(own, faults=(*own.faults, *_commits(box), *_trees(box)))
    return [Health(store=root, report=report) for root, report in zip(stores(box, shared=shared), (whole, *others), strict=True)]


def _commits(box: Box) -> Iterator[store_fsck.Fault]:
    """The commits of imported runs, which lie in the store's own repository."""
    from reprobox.flow.deep import Deep

    kept = box.runs.root / CODE
    if not layout.exists(kept):
        return
    below = Deep(box)
    for commit in sorted(_named(box)):
        if holder(box, commit) == kept:
            for fault in below.code(commit).damage:
                yield store_fsck.Fault(what=CODE, kind="corrupted", why=fault)


def _named(box: Box) -> set[str]:
    """Commits of runs whose intent can be read; the others are faults already."""
    found = set()
    for run_id in box.runs.ids():
        with contextlib.suppress(ReproboxError):
            found.add(box.runs.intent(run_id).source.commit)
    return found


def _trees(box: Box) -> Iterator[store_fsck.Fault]:
    """Input trees, each held against the digest that is its name."""
    from reprobox import inputs
    from reprobox.flow.passing import NoMemo

    folder = box.runs.root / layout.INPUTS
    for path in sorted(folder.iterdir()) if layout.exists(folder) else ():
        what = f"{layout.INPUTS}/{path.name}"
        if not canon.is_digest(f"sha256:{path.name}"):
            yield store_fsck.Fault(what=what, kind="untrusted", why="it is no input tree")
            continue
        pin = InputPin(path=what, source=str(path), kind="tree", digest=f"sha256:{path.name}", size=0)
        if why := inputs.check(pin, path, NoMemo(box.objects), box.progress):
            yield store_fsck.Fault(what=what, kind="corrupted", why=why)


def code_of(found: Sequence[Health]) -> int:
    """The exit bits of all of them: 1 corrupted, 2 untrusted, 4 not verifiable."""
    code = 0
    for health in found:
        code |= health.report.code
    return code


@dataclass(frozen=True, kw_only=True)
class Clearing:
    """What gc would remove from one store, or has removed."""

    store: Path
    plan: store_gc.Plan
    freed: int | None = None
    """Bytes; None where nothing was removed."""

    def as_json(self) -> dict[str, Any]:
        """Stable keys."""
        return {
            "store": str(self.store),
            "size": self.plan.size,
            "freed": self.freed,
            "kept": self.plan.kept,
            "objects": [{"digest": digest, "size": size} for digest, size in self.plan.objects],
            "leftovers": [{"path": str(path), "size": size} for path, size in self.plan.leftovers],
        }


def gc(box: Box, *, yes: bool, forget: bool = False, shared: bool = True) -> list[Clearing]:
    """Tells what nobody needs; removes it when told to. Runs that were left half-way are finished first.

    Args:
        yes: remove it.
        forget: give up the needs of registered projects that are not there any more.

    Raises:
        StoreError: what is needed cannot be known, so nothing is removed.
    """
    reconcile.settle(box)
    found = [Clearing(store=root, plan=store_gc.plan(root, forget=forget)) for root in stores(box, shared=shared)]
    if not yes:
        return found
    box.runs.sweep()
    return [Clearing(store=item.store, plan=item.plan, freed=store_gc.carry_out(item.store, item.plan)) for item in found]
