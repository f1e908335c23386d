"""gc: what no run and no lock needs; removed with `yes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reprobox.commands.shared.stores import stores
from reprobox.context import Context
from reprobox.executor import journal, reconcile
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.store import garbage as store_gc
from reprobox.store import trash


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
            "unreadable": [str(path) for path in self.plan.unreadable],
            "removed_runs": [{"id": run_id, "size": size} for run_id, size in self.plan.removed],
        }


def gc(
    context: Context,
    *,
    yes: bool,
    forget: bool = False,
    shared: bool = True,
    keep: float = trash.KEPT_FOR,
) -> list[Clearing]:
    """Lists what is not needed; removes it with `yes`. Runs that were left half-way are finished
    first.

    Args:
        forget: give up the needs of registered projects that are not there any more.
        keep: seconds after which a removed run is deleted.

    Raises:
        StoreError: what is needed cannot be known, so nothing is removed.
    """
    reconcile.settle(context)
    roots = stores(context, shared=shared)
    expired = store_gc.expired(context.runs, keep, context.clock())
    found = [_plan(context, root, forget, expired) for root in roots]
    if not yes:
        return found
    context.runs.sweep()
    removed = _delete(context, found[0].plan.removed, context.clock() - keep)
    if expired:
        # Anew, because a run may have been restored since, and what it needs stays.
        found = [_plan(context, root, forget) for root in roots]
    freed = [store_gc.carry_out(item.store, item.plan) for item in found]
    done = [replace(item, freed=size) for item, size in zip(found, freed, strict=True)]
    bytes_removed = sum(size for _, size in removed)
    own = replace(
        done[0], plan=replace(done[0].plan, removed=removed), freed=freed[0] + bytes_removed
    )
    return [own, *done[1:]]


def _plan(context: Context, root: Path, forget: bool, without: Sequence[str] = ()) -> Clearing:
    own = root == context.runs.root
    return Clearing(
        store=root, plan=store_gc.plan(root, forget=forget, without=without if own else ())
    )


def _delete(
    context: Context, expired: Sequence[tuple[str, int]], before: float
) -> tuple[tuple[str, int], ...]:
    """Deletes removed runs for good, with the refs that keep their commits; those that are gone."""
    gone = []
    for run_id, size in expired:
        journal.begin(context, run_id)
        if context.runs.purge(run_id, before):
            gone.append((run_id, size))
        journal.end(context, run_id)
    return tuple(gone)
