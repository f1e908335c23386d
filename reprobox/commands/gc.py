"""gc: what no run and no lock needs; removed when asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprobox.commands.shared.stores import stores
from reprobox.context import Context
from reprobox.executor import reconcile
from reprobox.store import garbage as store_gc


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


def gc(context: Context, *, yes: bool, forget: bool = False, shared: bool = True) -> list[Clearing]:
    """Tells what nobody needs; removes it when told to. Runs that were left half-way are finished
    first.

    Args:
        yes: remove it.
        forget: give up the needs of registered projects that are not there any more.

    Raises:
        StoreError: what is needed cannot be known, so nothing is removed.
    """
    reconcile.settle(context)
    found = [
        Clearing(store=root, plan=store_gc.plan(root, forget=forget))
        for root in stores(context, shared=shared)
    ]
    if not yes:
        return found
    context.runs.sweep()
    return [
        Clearing(store=item.store, plan=item.plan, freed=store_gc.carry_out(item.store, item.plan))
        for item in found
    ]
