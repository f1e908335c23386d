"""A sweep: its trials as parallel coordinates and points, and the best with its spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reprobox.commands import sweep as command
from reprobox.commands.sweep import SweepStatus
from reprobox.views import sweep as view
from reprobox.views.run_list import Column
from reprobox.web import charts
from reprobox.web.asked import Asked, Page
from reprobox.web.links import Links

_SMALLER = ("loss", "error", "err", "mse", "mae", "rmse", "perplexity", "nll", "regret", "time")
"""Parts of a metric's name by which the least is taken for the best; the page says so."""
_SCATTERS = 6
_AXES = 8


@dataclass(frozen=True, kw_only=True)
class SweepPage:
    """What the page shows."""

    status: SweepStatus
    metrics: Sequence[str]
    metric: str
    goal: str
    """As asked for: `maximize`, `minimize`, or nothing."""
    maximize: bool
    sentence: str
    groups: Sequence[Column]
    trials: Sequence[Column]
    best: str
    """Id of the best run."""
    parallel: Markup | None
    scatters: Sequence[Markup]


def every(asked: Asked) -> Page:
    """All sweeps of the project."""
    found = [command.status(asked.context, one.id) for one in command.list_sweeps(asked.context)]
    return Page(title="Sweeps", template="sweeps.html", facts={"sweeps": found}, tab="sweeps")


def page(asked: Asked) -> Page:
    """One sweep; `metric` and `goal` choose what is the best."""
    found = command.status(asked.context, asked.path["sweep"])
    made = gather(found, asked.links, metric=asked.one("metric"), goal=asked.one("goal"))
    title = f"Sweep {found.sweep.name or found.sweep.id}"
    return Page(title=title, template="sweep.html", facts={"page": made}, tab="sweeps")


def gather(found: SweepStatus, links: Links, *, metric: str = "", goal: str = "") -> SweepPage:
    """A sweep by one metric; by default the search's own, or the first."""
    metrics = view.metric_names(found)
    chosen = metric if metric in metrics else metrics[0] if metrics else ""
    maximize = _maximize(found, chosen, goal)
    groups = view.seed_groups(found, chosen) if chosen else []
    ranked = view.ranked(groups, maximize=maximize)
    best = _best(found, chosen, maximize=maximize)
    return SweepPage(
        status=found,
        metrics=metrics,
        metric=chosen,
        goal=goal,
        maximize=maximize,
        sentence=view.sentence(groups, chosen, maximize=maximize) if chosen else "",
        groups=view.group_columns(ranked, chosen) if ranked else (),
        trials=view.trial_columns(found, [chosen] if chosen else []),
        best="" if best is None else found.trials[best].trial.run,
        parallel=_parallel(found, chosen, best) if chosen else None,
        scatters=_scatters(found, chosen, links) if chosen else (),
    )


def _maximize(found: SweepStatus, metric: str, goal: str) -> bool:
    if goal in ("maximize", "minimize"):
        return goal == "maximize"
    search = found.sweep.search
    if search and search.metric == metric:
        return search.goal == "maximize"
    parts = metric.lower().replace("/", "_").replace(".", "_").replace("-", "_").split("_")
    return not any(part.endswith(_SMALLER) for part in parts)


def _number(found: SweepStatus, at: int, metric: str) -> float | None:
    value = found.trials[at].metrics.get(metric)
    return value if isinstance(value, float) and math.isfinite(value) else None


def _best(found: SweepStatus, metric: str, *, maximize: bool) -> int | None:
    known = [
        (value, at)
        for at in range(len(found.trials))
        if (value := _number(found, at, metric)) is not None
    ]
    if not known:
        return None
    return (max if maximize else min)(known, key=lambda pair: pair[0])[1]


def _keys(points: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(key for point in points for key in point))


def _typed(values: Sequence[str | None]) -> list[float | str | None]:
    """Numbers, where all of them are."""
    try:
        return [None if value is None else float(value) for value in values]
    except ValueError:
        return list(values)


def _parallel(found: SweepStatus, metric: str, best: int | None) -> Markup:
    points = view.points(found)
    axes = [
        charts.Axis(name=key, values=_typed([point.get(key) for point in points]))
        for key in _keys(points)[:_AXES]
    ]
    last = charts.Axis(
        name=metric, values=[_number(found, at, metric) for at in range(len(found.trials))]
    )
    labels = [
        f"trial {one.trial.number}: {' '.join(f'{key}={value}' for key, value in point.items())}"
        for one, point in zip(found.trials, points, strict=True)
    ]
    return charts.parallel(f"{metric} over all values", [*axes, last], labels, best)


def _scatters(found: SweepStatus, metric: str, links: Links) -> list[Markup]:
    points = view.points(found)
    made = []
    for key in _keys(points):
        values = _typed([point.get(key) for point in points])
        dots = [
            charts.Dot(
                x=value, y=y, label=f"trial {one.trial.number}", link=links.run(one.trial.run)
            )
            for at, (one, value) in enumerate(zip(found.trials, values, strict=True))
            if isinstance(value, float) and (y := _number(found, at, metric)) is not None
        ]
        if len({dot.x for dot in dots}) > 1:
            made.append(charts.scatter(f"{metric} over {key}", dots, x=key, y=metric))
    return made[:_SCATTERS]
