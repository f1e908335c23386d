"""Where two runs diverge: their trails as steps and tensors, and their metrics over the steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from reprobox.commands.shared.read_values import reader
from reprobox.context import Context
from reprobox.errors import NotComparable, UsageError
from reprobox.judge import trail, trail_steps
from reprobox.judge.trail_steps import Row, Steps
from reprobox.model.verdict import TrailComparison
from reprobox.views import verdict as verdict_view
from reprobox.web import charts
from reprobox.web.asked import Asked, Page
from reprobox.web.charts import Cell, HeatMap

_COLUMNS, _ROWS, _BEFORE = 60, 40, 12
"""Steps and tensors that are drawn, and steps before the first difference that are among them."""
_CURVES = 8


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """What the page shows of two runs."""

    left: str
    right: str
    found: TrailComparison | None
    sentences: Sequence[str]
    steps: Steps | None
    map: Markup | None
    left_out: int
    """Tensors that are not drawn."""
    share: Markup | None
    table: Sequence[tuple[str, str, str, str]]
    """(kind, tensor, first step that differs, steps that differ), those that differ."""
    curves: Sequence[Markup]
    why: str = ""


def page(asked: Asked) -> Page:
    """Two runs, named by `run` twice."""
    runs = asked.all("run")
    if len(runs) != 2:
        raise UsageError(
            "this page needs two runs",
            why=f"It was asked for {len(runs)}.",
            next_step="go back, choose two runs, and try again",
        )
    ids = [asked.context.runs.find(one) for one in runs]
    made = gather(asked.context, ids[0], ids[1])
    return Page(title="Divergence", template="divergence.html", facts={"page": made}, tab="runs")


def gather(context: Context, left: str, right: str) -> Divergence:
    """All that is known of where two runs diverge."""
    paths = context.runs.path(left), context.runs.path(right)
    found, steps, why = None, None, ""
    try:
        found = trail.compare_runs(*paths)
        steps = _steps(paths, found)
    except NotComparable as fault:
        why = f"the trails were not compared: {fault.what}"
    drawn, left_out = _map(steps) if steps and steps.rows else (None, 0)
    return Divergence(
        left=left,
        right=right,
        found=found,
        sentences=list(verdict_view.trail(found)),
        steps=steps,
        map=drawn,
        left_out=left_out,
        share=_share(steps, found) if steps else None,
        table=_table(steps) if steps else (),
        curves=_distances(context, left, right, found),
        why=why or _missing(paths, (left, right)),
    )


def _missing(paths: tuple[Path, Path], runs: tuple[str, str]) -> str:
    absent = [
        run for path, run in zip(paths, runs, strict=True) if not any(path.glob("trail*.jsonl"))
    ]
    if not absent:
        return ""
    which = " and ".join(absent)
    return f"{which} left no trail; write `trail: true` below `reprobox:`, or use `explain`"


def _steps(paths: tuple[Path, Path], found: TrailComparison | None) -> Steps | None:
    """The trails of the process that diverges first, or of the first that both runs have."""
    sides = [{one.name: one for one in sorted(path.glob("trail*.jsonl"))} for path in paths]
    both = [name for name in sides[0] if name in sides[1]]
    compared = [
        trail_steps.compare(trail.read(sides[0][name]), trail.read(sides[1][name])) for name in both
    ]
    wanted = found.process if found else None
    return next(
        (one for one in compared if one.process == wanted), compared[0] if compared else None
    )


def _chosen(steps: Steps) -> list[int]:
    """Indices of the steps that are drawn: around the first difference, and evenly elsewhere."""
    total = len(steps.steps)
    if total <= _COLUMNS:
        return list(range(total))
    first = min((row.first for row in steps.rows if row.first is not None), default=0)
    near = range(max(0, first - _BEFORE), min(total, first + _COLUMNS // 2))
    rest = _COLUMNS - len(near)
    even = (round(at * (total - 1) / max(1, rest - 1)) for at in range(rest))
    return sorted({*near, *even})


def _map(steps: Steps) -> tuple[Markup, int]:
    columns = _chosen(steps)
    order = sorted(steps.rows, key=lambda row: math.inf if row.first is None else row.first)
    firsts = [row.first for row in steps.rows if row.first is not None]
    first = min(firsts, default=None)
    cells = [[_cell(row, steps, at, first) for at in columns] for row in order[:_ROWS]]
    several = len(steps.optimizers) > 1
    chart = HeatMap(
        title="Steps and tensors",
        columns=[
            f"{steps.steps[at][0]}:{steps.steps[at][1]}" if several else str(steps.steps[at][1])
            for at in columns
        ],
        rows=[_name(row) for row in order[:_ROWS]],
        cells=cells,
        about=_about(steps, first),
    )
    return charts.heat(chart), max(0, len(order) - _ROWS)


def _name(row: Row) -> str:
    return row.name if row.kind == "parameter" else f"{row.kind} {row.name}"


def _cell(row: Row, steps: Steps, at: int, first: int | None) -> Cell:
    differs = row.differs[at]
    kind = {True: "differs", False: "same", None: "unknown"}[differs]
    word = {True: "differs", False: "the same", None: "not in both trails"}[differs]
    about = f"step {steps.steps[at][1]}, {_name(row)}: {word}"
    return Cell(kind=kind, about=about, first=bool(differs) and at == first)


def _about(steps: Steps, first: int | None) -> str:
    size = f"{len(steps.rows):,} tensors at {len(steps.steps):,} common steps"
    if first is None:
        return f"{size}; all are the same"
    names = ", ".join(_name(row) for row in steps.rows if row.first == first)
    return f"{size}; the first difference is at step {steps.steps[first][1]}: {names[:300]}"


def _share(steps: Steps, found: TrailComparison | None) -> Markup | None:
    points = [(float(step), share) for step, share in steps.shares]
    if len(points) < 2:
        return None
    mark = found.step if found and found.state == "different" else None
    line = charts.Line(label="share of parameters that differ", points=points)
    return charts.lines(
        "Share of parameters that differ", [line], y="share", mark=None if mark is None else mark
    )


def _table(steps: Steps) -> list[tuple[str, str, str, str]]:
    found = [
        (
            row.kind,
            row.name,
            str(steps.steps[row.first][1]),
            f"{sum(bool(one) for one in row.differs)} of {len(row.differs)}",
        )
        for row in sorted(steps.rows, key=lambda row: row.first or 0)
        if row.first is not None
    ]
    return found[: 5 * _ROWS]


def _distances(
    context: Context, left: str, right: str, found: TrailComparison | None
) -> list[Markup]:
    """How far each metric of both runs is apart at each step."""
    sides = [_series(context, run) for run in (left, right)]
    mark = found.step if found and found.state == "different" else None
    made = []
    for name, points in sides[0].items():
        other = sides[1].get(name, {})
        apart = [(x, abs(y - other[x])) for x, y in sorted(points.items()) if x in other]
        if len(apart) > 1:
            line = charts.Line(label=f"distance of {name}", points=apart)
            made.append(
                charts.lines(f"Distance of {name}", [line], y=f"|A - B| of {name}", mark=mark)
            )
    return made[:_CURVES]


def _series(context: Context, run_id: str) -> Mapping[str, Mapping[float, float]]:
    values = context.runs.values(run_id, reader(context))
    return {name: dict(points) for name, _, points in values.series}
