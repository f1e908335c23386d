"""What a cluster offers, and what would keep runs from it, as this host sees it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reprobox.config import cluster
from reprobox.context import Context
from reprobox.errors import NotARepository
from reprobox.executor import executors, schedulers
from reprobox.executor.scheduled_executor import worker_command
from reprobox.executor.scheduler import Offers
from reprobox.kit import mounts


def report(context: Context, executor: str) -> dict[str, Any]:
    """Partitions, limits, the user's own settings, and the store.

    Raises:
        UsageError: the executor is unknown.
        SchedulerError: its scheduler does not answer on this host.
        ConfigError: cluster.yaml has faults.
    """
    executors.of(context, executor)
    scheduler = schedulers.of(executor)
    offers, settings = scheduler.offers(), cluster.read()
    store = _store(context)
    return {
        "executor": executor,
        "cluster": offers.cluster,
        "version": offers.version,
        "partitions": [dataclasses.asdict(one) for one in offers.partitions],
        "limits": dict(offers.limits),
        "tasks": scheduler.most_tasks(),
        "grace": scheduler.grace(),
        "settings": {
            "file": str(cluster.path()),
            **{name: value for name, value in dataclasses.asdict(settings).items() if value},
        },
        "worker": worker_command()[0],
        "store": store,
        "problems": [*_problems(offers, settings), *_store_problems(store)],
    }


def _store(context: Context) -> dict[str, Any] | None:
    """Where the project's store is; None outside of a project."""
    try:
        place = context.runs.root if context.runs.root.is_dir() else context.home
    except NotARepository:
        return None
    found = mounts.file_system(place)
    return {
        "path": str(context.runs.root),
        "file_system": found.kind,
        "on_a_network": found.on_a_network,
        "locks": mounts.locks(place),
        "links": mounts.links(place),
    }


def _problems(offers: Offers, settings: cluster.SlurmSettings) -> Iterator[str]:
    names = sorted({one.name for one in offers.partitions})
    wanted = settings.partition
    for name in filter(None, wanted.split(",")):
        if name not in names:
            yield (
                f"cluster.yaml names the partition {name}, and there are "
                f"{', '.join(names) or 'none'}"
            )
    if not wanted and not any(one.default for one in offers.partitions):
        yield "no partition is the default: name one in cluster.yaml"
    for one in offers.partitions:
        if one.state != "up" and (one.name in wanted.split(",") or (not wanted and one.default)):
            yield f"the partition {one.name} is {one.state}"
    if settings.python and not Path(settings.python).exists():
        yield (
            f"the python of cluster.yaml, {settings.python}, is not on this host (the nodes may "
            "have it)"
        )


def _store_problems(store: dict[str, Any] | None) -> Iterator[str]:
    if store is None:
        return
    if store["locks"] != "held":
        yield f"locks in {store['path']} are {store['locks']}: run one reprobox at a time"
    if store["links"] != "exclusive":
        yield f"links in {store['path']} are {store['links']}: two attempts could both win"
