"""One run: what was asked, what was observed, its curves, its log, what it left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reprobox.commands import attest, show
from reprobox.commands.shared.read_values import reader
from reprobox.commands.show import Shown
from reprobox.context import Context
from reprobox.errors import EngineUnavailable
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Intent
from reprobox.store.run_values import RunValues
from reprobox.trackers.reading import flat
from reprobox.views import run as view
from reprobox.views.run_list import value_text
from reprobox.web import charts, outputs
from reprobox.web.asked import Asked, Page
from reprobox.web.links import Links
from reprobox.web.log_text import LINES, STREAMS, Log, Tail


@dataclass(frozen=True, kw_only=True)
class Detail:
    """How much of a run is shown: one has a page of its own, two hundred share a file."""

    outputs: int = 200
    curves: int = 12
    points: int = charts.POINTS
    pictures: int = 12
    lines: int = LINES
    config: int = 1000
    environment: bool = True


FULL = Detail()


@dataclass(frozen=True, kw_only=True)
class RunPage:
    """What the page of a run shows."""

    found: Shown
    intent: Intent
    facts: Sequence[tuple[str, str]]
    values: RunValues
    logs: Sequence[Tail]
    curves: Sequence[Markup]
    config: Sequence[tuple[str, str]]
    packages: Sequence[tuple[str, str, str]]
    pictures: Sequence[tuple[OutputFile, str]]
    detail: Detail
    events: str
    """Where more of the log comes from; empty for a run that has ended."""

    def of_kind(self, kind: str) -> list[tuple[str, str, str]]:
        """(name, value, source) of its `metric` or `param`."""
        return [
            (name, value_text(value), source)
            for one, name, source, value in self.values.values
            if one == kind
        ]


def page(asked: Asked) -> Page:
    """The page of one run."""
    made = gather(asked.context, asked.path["run"], asked.links)
    return Page(title=f"Run {made.found.id}", template="run.html", facts={"page": made}, tab="runs")


def gather(context: Context, run_id: str, links: Links, detail: Detail = FULL) -> RunPage:
    """All of one run.

    Raises:
        RunNotFound: there is no such run.
    """
    found = _found(context, run_id)
    intent = found.record.intent if found.record else context.runs.intent(found.id)
    signed = (
        attest.confirmations(context, found.id, attest.allowed_signers(context))
        if found.record
        else []
    )
    values = context.runs.values(found.id, reader(context)) if found.record else RunValues()
    live = found.record is None
    return RunPage(
        found=found,
        intent=intent,
        facts=view.facts(found, signed),
        values=values,
        logs=[Log(found.path, name).tail(live=live, lines=detail.lines) for name in STREAMS],
        curves=list(_curves(values, detail)),
        config=[(name, str(value)) for name, value in flat(intent.config)][: detail.config],
        packages=list(packages(intent)),
        detail=detail,
        pictures=list(_pictures(found, links, detail)),
        events=links.events(found.id) if live else "",
    )


def _found(context: Context, run_id: str) -> Shown:
    """The run; without an engine, of a run that has no record, what its lock says."""
    try:
        return show.show(context, run_id)
    except EngineUnavailable:
        state = "running" if context.runs.held(run_id) else "open"
        path = context.runs.path(run_id)
        return Shown(
            id=run_id, state=state, path=path, record=None, digest=None, outputs=(), verdicts=()
        )


def _curves(values: RunValues, detail: Detail) -> Iterator[Markup]:
    for name, _, points in values.series[: detail.curves]:
        if len(points) > 1:
            line = charts.Line(label=name, points=points)
            yield charts.lines(name, [line], y=name, most=detail.points)


def packages(intent: Intent) -> Iterator[tuple[str, str, str]]:
    """(kind, name, version) of all that is in the image."""
    lock = intent.lock
    yield from (("Python", wheel.name, wheel.version) for wheel in lock.wheels)
    yield from (("Conda", one.name, one.version) for one in lock.conda)
    yield from (("Debian", deb.name, deb.version) for deb in (*lock.base.packages, *lock.debs))


def _pictures(found: Shown, links: Links, detail: Detail) -> Iterator[tuple[OutputFile, str]]:
    shown = [file for file in found.outputs if outputs.may_be_picture(file)]
    for file in shown[: detail.pictures]:
        if source := links.image(found.id, file):
            yield file, source
