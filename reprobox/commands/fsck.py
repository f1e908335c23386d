"""fsck: reads and hashes everything that the stores hold. Nothing is changed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reprobox.commands.shared.stores import stores
from reprobox.context import Context
from reprobox.errors import ReproboxError
from reprobox.executor.commits import CODE, holder
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.runspec import InputPin
from reprobox.store import integrity as store_fsck
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
            "faults": [
                {"what": fault.what, "kind": fault.kind, "why": fault.why} for fault in found.faults
            ],
        }


def fsck(context: Context, *, shared: bool = True) -> list[Health]:
    """Reads and hashes objects, runs, and in the project what came with imported runs: commits and
    input trees. Changes nothing.

    Raises:
        NewerFormat, StoreError: a store itself cannot be read.
    """
    own, *others = [
        store_fsck.check(root, context.progress) for root in stores(context, shared=shared)
    ]
    whole = replace(own, faults=(*own.faults, *_commits(context), *_trees(context)))
    return [
        Health(store=root, report=report)
        for root, report in zip(stores(context, shared=shared), (whole, *others), strict=True)
    ]


def _commits(context: Context) -> Iterator[store_fsck.Fault]:
    """The commits of imported runs, which lie in the store's own repository."""
    kept = context.runs.root / CODE
    if not layout.exists(kept):
        return
    from reprobox.commands.shared.deep_verify import Deep

    below = Deep(context)
    for commit in sorted(_named(context)):
        if holder(context, commit).git.at == kept:
            for fault in below.code(commit).damage:
                yield store_fsck.Fault(what=CODE, kind="corrupted", why=fault)


def _named(context: Context) -> set[str]:
    """Commits of runs whose intent can be read; the others are faults already."""
    found = set()
    for run_id in context.runs.ids():
        with contextlib.suppress(ReproboxError):
            found.add(context.runs.intent(run_id).source.commit)
    return found


def _trees(context: Context) -> Iterator[store_fsck.Fault]:
    """Input trees, each checked against the digest that is its name."""
    folder = context.runs.root / layout.INPUTS
    if not layout.exists(folder):
        return
    from reprobox.commands.shared.object_proxies import NoMemo
    from reprobox.data import pins, tree

    for path in sorted(folder.iterdir()):
        what = f"{layout.INPUTS}/{path.name}"
        if not canon.is_digest(f"sha256:{path.name}"):
            yield store_fsck.Fault(what=what, kind="untrusted", why="it is not an input tree")
            continue
        pin = InputPin(
            path=what, source=str(path), kind="tree", digest=f"sha256:{path.name}", size=0
        )
        wrong = [
            pins.check(one, path, NoMemo(context.objects), context.progress)
            for one in (pin, replace(pin, manifest=tree.VERSION))
        ]
        if all(wrong):
            yield store_fsck.Fault(what=what, kind="corrupted", why=str(wrong[-1]))


def code_of(found: Sequence[Health]) -> int:
    """The exit bits of all of them: 1 corrupted, 2 untrusted, 4 not verifiable."""
    code = 0
    for health in found:
        code |= health.report.code
    return code
