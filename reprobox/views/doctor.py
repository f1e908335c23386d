"""What this machine can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reprobox.kit.units import counted, human
from reprobox.views.blocks import Line, Section


def sections(found: Mapping[str, object]) -> tuple[Section, ...]:
    """A line a fact; a fact of several lines has its name once."""
    lines = (
        Line(f"{'' if number else key.replace('_', ' '):<12}{line}")
        for key, value in found.items()
        for number, line in enumerate(_lines(value))
    )
    return (Section(title="this machine", blocks=tuple(lines)),)


def on_a_cluster(found: Mapping[str, Any]) -> tuple[Section, ...]:
    """What a cluster offers, as `cluster_check.report` found it."""
    lines = (
        Line(f"{'' if number else name:<14}{line}")
        for name, texts in _facts(found)
        for number, line in enumerate(texts)
    )
    return (Section(title=f"the cluster {found['cluster']}", blocks=tuple(lines)),)


def _facts(found: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    yield "cluster", [f"{found['cluster']}, {found['version']}"]
    yield "partitions", [_partition(one) for one in found["partitions"]] or ["none"]
    yield "limits", [f"{name}: {value}" for name, value in found["limits"].items()]
    yield "a sweep", [f"at most {counted(found['tasks'], 'task')}; each may execute several runs"]
    yield "at the end", [f"{found['grace']:g} s between SIGTERM and SIGKILL"]
    yield "cluster.yaml", [f"{name}: {_plain(value)}" for name, value in found["settings"].items()]
    yield "worker", [f"{found['worker']} (must be there on every node)"]
    yield "store", _store(found["store"])
    yield "engines", _lines(found["engines"])
    yield "problems", found["problems"] or ["none found"]


def _partition(one: Mapping[str, Any]) -> str:
    mark = " (default)" if one["default"] else ""
    gpus = ", ".join(one["gpus"]) or "none"
    return (
        f"{one['name']}{mark}: {one['state']}, time limit {one['time_limit']}, "
        f"{one['idle']} of {counted(one['nodes'], 'node')} idle, each {one['cpus']} CPUs, "
        f"{human(one['memory'])}, GPUs: {gpus}"
    )


def _store(store: Mapping[str, Any] | None) -> list[str]:
    if store is None:
        return ["none: this is not a repository"]
    shared = (
        "on a network"
        if store["on_a_network"]
        else "of this host alone, unless every node is this host"
    )
    return [
        store["path"],
        f"file system: {store['file_system'] or 'not known'}, {shared}",
        f"locks between processes of this host: {store['locks']}; links: {store['links']}",
    ]


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _lines(value: object) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}: {_in_a_line(text)}" for name, text in value.items()]
    # What prevents a replay comes with its reasons, in several lines.
    if isinstance(value, list):
        return [line for item in value for line in str(item).split("\n")] or ["nothing"]
    return [str(value)]


def _in_a_line(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')} {text}" for name, text in value.items())
    return str(value)
