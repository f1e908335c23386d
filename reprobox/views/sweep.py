"""A sweep as a table of trials, of groups over seeds, and a plain sentence about the best two."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reprobox.commands.sweep import SweepStatus, TrialStatus
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.spread import Spread, difference, spread
from reprobox.views.run_list import Column, took, value_text


@dataclass(frozen=True, kw_only=True)
class SeedGroup:
    """Trials that differ in their seed alone."""

    point: str
    runs: tuple[str, ...]
    values: tuple[float, ...]
    spread: Spread


def points(status: SweepStatus) -> list[Mapping[str, str]]:
    """The varied values of each trial, by key."""
    every = [dict(_pairs(one.trial.overrides)) for one in status.trials]
    keys = [key for key in (every[0] if every else {}) if _varies(key, every, status)]
    return [{key: point[key] for key in keys if key in point} for point in every]


def _varies(key: str, every: Sequence[Mapping[str, str]], status: SweepStatus) -> bool:
    fixed = dict(_pairs(status.sweep.overrides)).get(key)
    return fixed is None or any(point.get(key) != fixed for point in every)


def _pairs(overrides: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for text in overrides:
        key, _, value = text.partition("=")
        found.append((key.lstrip("+~"), value))
    return found


def trial_columns(status: SweepStatus, metrics: Sequence[str]) -> list[Column]:
    """A row for each trial."""
    varied = points(status)
    keys = list(dict.fromkeys(key for point in varied for key in point))
    rows = status.trials
    table = [
        Column(title="trial", cells=tuple(str(one.trial.number) for one in rows), right=True),
        Column(title="run", cells=tuple(one.trial.run for one in rows)),
        Column(title="state", cells=tuple(one.state for one in rows), rank=1),
        Column(title="took", cells=tuple(_took(one) for one in rows), right=True, rank=2),
    ]
    for key in keys:
        cells = tuple(point.get(key, "") for point in varied)
        table.append(Column(title=key, cells=cells, right=all(map(_is_number, cells)), wanted=True))
    for name in metrics:
        cells = tuple(value_text(one.metrics.get(name)) for one in rows)
        table.append(Column(title=name, cells=cells, right=True, wanted=True))
    return table


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def best_trial(status: SweepStatus, metric: str, *, maximize: bool) -> str | None:
    """`RUN  lr=0.1  accuracy 0.9` of the best trial; None where no trial has the metric."""
    found = [
        (float(value), one.trial.run, point)
        for one, point in zip(status.trials, points(status), strict=True)
        if isinstance(value := one.metrics.get(metric), (int, float)) and math.isfinite(value)
    ]
    if not found:
        return None
    value, run, point = (max if maximize else min)(found, key=lambda trial: trial[0])
    values = " ".join(f"{key}={text}" for key, text in point.items())
    return f"{run}  {values}  {metric} {value_text(value)}"


def _took(one: TrialStatus) -> str:
    return "" if one.row is None or not one.row.digest else took(one.row.duration)


def metric_names(status: SweepStatus) -> list[str]:
    """Metrics that trials have, the search's own first."""
    own = [status.sweep.search.metric] if status.sweep.search else []
    found = dict.fromkeys(name for one in status.trials for name in one.metrics)
    return list(dict.fromkeys([*own, *found]))


def seed_groups(status: SweepStatus, metric: str) -> list[SeedGroup]:
    """Trials grouped by everything but seeds, the order of the trials kept."""
    groups: dict[str, list[tuple[str, float]]] = {}
    for one, point in zip(status.trials, points(status), strict=True):
        rest = [f"{key}={value}" for key, value in point.items() if not is_seed(key)]
        value = one.metrics.get(metric)
        if isinstance(value, (int, float)) and math.isfinite(value):
            groups.setdefault(" ".join(rest) or "all", []).append((one.trial.run, float(value)))
    found = []
    for point_text, pairs in groups.items():
        values = tuple(value for _, value in pairs)
        if measured := spread(values):
            runs = tuple(run for run, _ in pairs)
            found.append(SeedGroup(point=point_text, runs=runs, values=values, spread=measured))
    return found


def is_seed(key: str) -> bool:
    """Whether a key's last part means a seed."""
    return "seed" in key.rpartition(".")[2].lower()


def group_columns(groups: Sequence[SeedGroup], metric: str) -> list[Column]:
    """A row for each group: mean, standard deviation, 95 % interval, count."""

    def column(title: str, cells: Sequence[str], *, right: bool = True) -> Column:
        return Column(title=title, cells=tuple(cells), right=right)

    return [
        replace(column("values", [group.point for group in groups], right=False), wanted=True),
        column("runs", [str(group.spread.count) for group in groups]),
        column(f"{metric} mean", [value_text(group.spread.mean) for group in groups]),
        column("sd", [_or_blank(group.spread.sd) for group in groups]),
        column("95 % interval", [_interval(group.spread) for group in groups]),
    ]


def _or_blank(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _interval(found: Spread) -> str:
    if found.half is None:
        return ""
    return f"{found.mean - found.half:.6g} to {found.mean + found.half:.6g}"


def ranked(groups: Sequence[SeedGroup], *, maximize: bool) -> list[SeedGroup]:
    """The best mean first."""
    return sorted(groups, key=lambda group: -group.spread.mean if maximize else group.spread.mean)


def sentence(groups: Sequence[SeedGroup], metric: str, *, maximize: bool) -> str:
    """Whether the best group beats the second: in words, by Welch's 95 % interval."""
    best = ranked(groups, maximize=maximize)
    if not best:
        return f"no trial has a metric {metric!r}"
    if len(best) == 1:
        return f"all trials have the same values: {metric} {best[0].spread.mean:.6g} on average"
    first, second = best[:2]
    apart = difference(first.values, second.values)
    if apart is None:
        return (
            f"{first.point} has the best {metric} ({first.spread.mean:.6g}); one run each says "
            "nothing about chance: add seeds, as in seed=range(5)"
        )
    size, half = abs(apart[0]), apart[1]
    if size > half:
        return (
            f"{first.point} beats {second.point}: {metric} differs by {size:.3g} "
            f"(95 % interval {size - half:.3g} to {size + half:.3g})"
        )
    return (
        f"{first.point} does not clearly beat {second.point}: {metric} differs by {size:.3g}, "
        f"and by chance alone up to {half:.3g}"
    )
