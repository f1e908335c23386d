"""`reprobox sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reprobox.cli import tables
from reprobox.cli.opening import config_first, for_the_scheduler
from reprobox.cli.options import (
    JSON,
    ON,
    open_context,
    talk_of,
)
from reprobox.errors import UsageError

if TYPE_CHECKING:
    from reprobox.cli.messages import Talk
    from reprobox.commands.sweep import Progress, SweepStatus
    from reprobox.context import Context
    from reprobox.model.sweep import Search, Sweep

_VERBS = ("status", "stop", "resume", "replay")


def sweep(
    ctx: typer.Context,
    config: Annotated[
        str,
        typer.Argument(
            help="The config file; or status, stop, resume, replay, with a sweep.",
            metavar="CONFIG|status|stop|resume|replay",
        ),
    ] = "config.yaml",
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="Values: lr=0.1,0.01  seed=range(5)  model=choice(a,b)  lr=interval(1e-4,1e-1).",
            metavar="[a.b=1,2 ...]",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            help="Trials at a time; 1 where none is given, and all on a cluster.",
            min=1,
            metavar="N",
        ),
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option("--gpus", help="Devices to hand out, one for each trial.", metavar="0,1"),
    ] = None,
    snapshot: Annotated[
        bool,
        typer.Option(
            "--snapshot",
            help="Take a tree that is not clean as it is now, as one hidden commit for all trials.",
        ),
    ] = False,
    commit: Annotated[
        str | None, typer.Option("--commit", help="Run this commit instead of HEAD.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="A name for every run.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="A tag for every run; may be repeated.")
    ] = None,
    search: Annotated[
        str | None,
        typer.Option("--search", help="Let Optuna choose values: tpe, random, cmaes, qmc, gp."),
    ] = None,
    trials: Annotated[
        int, typer.Option("--trials", help="Trials of a search.", min=1, metavar="N")
    ] = 20,
    maximize: Annotated[
        str | None, typer.Option("--maximize", help="The metric to maximize.", metavar="METRIC")
    ] = None,
    minimize: Annotated[
        str | None, typer.Option("--minimize", help="The metric to minimize.", metavar="METRIC")
    ] = None,
    on: ON = "local",
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="On a cluster: submit, and leave it alone.")
    ] = False,
    pack: Annotated[
        int,
        typer.Option(
            "--pack",
            help="On a cluster: trials that one task executes, one after the other; for programs "
            "of a few seconds.",
            min=1,
            metavar="N",
        ),
    ] = 1,
    as_json: JSON = False,
) -> None:
    """Run a config with several values, at one commit.

    The commit is pinned when the sweep begins: editing files meanwhile changes nothing. Each trial
    is an ordinary run. A sweep that was interrupted, in whatever way, is continued by `resume`.

    Example:  reprobox sweep config.yaml lr=0.1,0.01 'seed=range(5)' --jobs 2
    """
    from reprobox.commands import sweep as command
    from reprobox.commands.shared.code_choice import Choice

    words, options = for_the_scheduler([config, *(overrides or ())])
    config, words = (words[0], words[1:]) if words else ("config.yaml", [])
    if detach and on == "local":
        raise UsageError(
            "a sweep on this host needs this process, so it cannot be left alone",
            next_step="leave out --detach; `resume` continues a sweep that was interrupted",
        )
    if maximize and minimize:
        raise UsageError("--maximize and --minimize exclude each other", next_step="give one")
    goal = _goal(maximize, minimize)
    if config in _VERBS and not Path(config).exists():
        _verb(ctx, config, words, jobs=jobs, goal=goal, as_json=as_json)
        return
    path, words = config_first(Path(config), words)
    context = open_context(ctx, path)
    begun = command.begin(
        context,
        path,
        words,
        choice=Choice(snapshot=snapshot, commit=commit),
        name=name,
        tags=tag or (),
        gpus=tuple(part.strip() for part in gpus.split(",")) if gpus else (),
        search=_search(search, trials, goal),
        on=on,
        options=options,
        pack=pack,
    )
    _drive(talk_of(ctx), context, begun, jobs=jobs, goal=goal, as_json=as_json, watch=not detach)


Goal = tuple[str, bool] | None
"""A metric, and whether more of it is better."""


def _goal(maximize: str | None, minimize: str | None) -> Goal:
    return (maximize, True) if maximize else (minimize, False) if minimize else None


def _search(sampler: str | None, trials: int, goal: Goal) -> Search | None:
    from reprobox.model.sweep import Search

    if sampler is None:
        return None
    if goal is None:
        raise UsageError(
            "a search needs a metric", next_step="--maximize METRIC, or --minimize METRIC"
        )
    direction = "maximize" if goal[1] else "minimize"
    return Search(sampler=sampler, trials=trials, metric=goal[0], goal=direction)  # type: ignore[arg-type]


def _drive(
    talk: Talk,
    context: Context,
    begun: Sweep,
    *,
    jobs: int | None,
    goal: Goal,
    as_json: bool,
    watch: bool = True,
) -> None:
    from reprobox.commands import sweep as command

    def report(one: Progress) -> None:
        values = " ".join(one.trial.overrides)
        ended = f"exit {one.row.exit_code}" if one.row.exit_code else "ok"
        talk.note(f"[{one.done}/{one.total}] {values}  {ended}  {one.trial.run}")

    made = " (snapshot of the work tree)" if begun.snapshot else ""
    talk.note(f"sweep {begun.id}, commit {begun.commit[:12]}{made}")
    try:
        command.drive(context, begun, jobs=jobs, report=report, watch=watch)
    except KeyboardInterrupt:
        talk.note(
            "interrupted: running trials continue; "
            f"next: reprobox sweep resume {begun.id}, or reprobox sweep stop {begun.id}"
        )
        raise
    _show(talk, command.status(context, begun.id), goal, as_json)


def _verb(
    ctx: typer.Context, verb: str, words: list[str], *, jobs: int | None, goal: Goal, as_json: bool
) -> None:
    from reprobox.commands import sweep as command

    talk, context = talk_of(ctx), open_context(ctx)
    if verb == "status" and not words:
        _list(talk, context, as_json)
        return
    reference = words[0] if words else "latest"
    if verb == "stop":
        stopped = command.stop(context, reference)
        talk.data({"stopped": stopped}) if as_json else talk.note(f"stopped {len(stopped)} runs")
    elif verb == "resume":
        found = command.status(context, reference).sweep
        _drive(talk, context, found, jobs=jobs, goal=goal, as_json=as_json)
    elif verb == "replay":
        _replay(ctx, context, reference, as_json)
    else:
        _show(talk, command.status(context, reference), goal, as_json)


def _replay(ctx: typer.Context, context: Context, reference: str, as_json: bool) -> None:
    """Each trial again, from its record: what a search chose is not chosen anew."""
    from reprobox.cli.streams import Streams
    from reprobox.commands import replay, sweep
    from reprobox.executor.attach import Watcher
    from reprobox.views.verdict import exit_code

    talk, found, codes = talk_of(ctx), [], []
    for run_id in sweep.runs_of(context, reference):
        watcher = Watcher(Streams(quiet_stdout=True), talk.note)
        done = replay.replay(open_context(ctx), run_id, watcher)
        codes.append(exit_code(done.verdict))
        found.append({"run": run_id, "replay": done.verdict.right, "result": done.verdict.result})
        if not as_json:
            talk.line(f"{run_id}  {done.verdict.result}")
    if as_json:
        talk.data(found)
    raise typer.Exit(max(codes, key=lambda code: (code == 1, code), default=0))


def _list(talk: Talk, context: Context, as_json: bool) -> None:
    from reprobox.commands import sweep as command

    every = [command.status(context, one.id) for one in command.list_sweeps(context)]
    if as_json:
        talk.data([_as_data(one, None) for one in every])
        return
    rows = [
        (
            one.sweep.id,
            "running" if one.supervised else "complete" if one.done == one.total else "stopped",
            f"{one.done}/{one.total}",
            " ".join(one.sweep.overrides),
        )
        for one in every
    ]
    tables.table(talk, ("sweep", "state", "trials", "values"), rows)


def _show(talk: Talk, found: SweepStatus, goal: Goal, as_json: bool) -> None:
    from reprobox.views import run_list
    from reprobox.views import sweep as view

    goal = goal or _own_goal(found)
    if as_json:
        talk.data(_as_data(found, goal))
        return
    metrics = [goal[0]] if goal else view.metric_names(found)[:4]
    table = view.trial_columns(found, metrics)
    tables.fitted(talk, run_list.fitted(table, tables.width()), {})
    if goal and (groups := view.seed_groups(found, goal[0])):
        talk.line("")
        best = view.ranked(groups, maximize=goal[1])
        columns = view.group_columns(best, goal[0])
        tables.fitted(talk, run_list.fitted(columns, tables.width()), {})
        talk.line(view.sentence(groups, goal[0], maximize=goal[1]))
    if goal and (one := view.best_trial(found, goal[0], maximize=goal[1])):
        talk.note(f"best: {one}; next: reprobox show {one.partition(' ')[0]}")
    more = found.done < found.total and not found.supervised
    step = f"; next: reprobox sweep resume {found.sweep.id}" if more else ""
    talk.note(f"{found.done} of {found.total} trials{step}")


def _own_goal(found: SweepStatus) -> Goal:
    search = found.sweep.search
    return (search.metric, search.goal == "maximize") if search else None


def _as_data(found: SweepStatus, goal: Goal) -> dict[str, Any]:
    from reprobox.model import codec
    from reprobox.views import sweep as view

    data: dict[str, Any] = {
        **codec.to_json(found.sweep),
        "total": found.total,
        "done": found.done,
        "supervised": found.supervised,
        "trials": [
            {
                "number": one.trial.number,
                "run": one.trial.run,
                "overrides": list(one.trial.overrides),
                "state": one.state,
                "exit_code": one.row.exit_code if one.row else None,
                "metrics": one.metrics,
            }
            for one in found.trials
        ],
    }
    if goal:
        groups = view.ranked(view.seed_groups(found, goal[0]), maximize=goal[1])
        data["groups"] = [_group(group) for group in groups]
        data["sentence"] = view.sentence(groups, goal[0], maximize=goal[1])
    return data


def _group(group: Any) -> dict[str, Any]:
    spread = group.spread
    return {
        "values": group.point,
        "runs": list(group.runs),
        "mean": spread.mean,
        "sd": spread.sd,
        "interval": _bounds(spread.mean, spread.half),
    }


def _bounds(mean: float, half: float | None) -> Sequence[float] | None:
    return None if half is None else [mean - half, mean + half]
