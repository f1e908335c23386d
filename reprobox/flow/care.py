"""fsck and gc, over the project's store and the user's shared one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprobox.flow import reconcile
from reprobox.flow.box import Box
from reprobox.store import fsck as store_fsck
from reprobox.store import gc as store_gc


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
    """Reads and hashes everything; changes nothing.

    Raises:
        NewerFormat, StoreError: a store itself cannot be read.
    """
    return [Health(store=root, report=store_fsck.check(root, box.progress)) for root in stores(box, shared=shared)]


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
