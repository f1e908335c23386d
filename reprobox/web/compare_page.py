"""Several runs next to each other: config, code, packages, metrics, curves, pictures, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reprobox.commands import diff
from reprobox.commands.shared.read_values import reader
from reprobox.commands.shared.side_by_side import SideBySide
from reprobox.context import Context
from reprobox.errors import ReproboxError, UsageError
from reprobox.executor import commits
from reprobox.model.outcome import OutputFile
from reprobox.model.verdict import Verdict
from reprobox.source.commit_diff import Diff
from reprobox.views import side_by_side as view
from reprobox.views import verdict as verdict_view
from reprobox.views.blocks import Section
from reprobox.web import charts, outputs
from reprobox.web.asked import Asked, Page
from reprobox.web.links import Links

MOST = 8
"""Runs on one page: as many as there are colours."""
_CURVES, _PICTURES = 12, 12
_ROWS = 100
_TITLES = {
    "config": "Config",
    "code": "Code",
    "package": "Packages",
    "metric": "Metrics",
    "output": "Outputs",
}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What the page shows."""

    runs: Sequence[tuple[str, str]]
    """(letter, id)."""
    tables: Sequence[tuple[str, str, Sequence[Sequence[str]], int]]
    """(section, title, rows of name and values, how many more)."""
    verdicts: Sequence[tuple[str, Verdict, Sequence[Section]]]
    """(letter, its verdict against A, that in words)."""
    diff: Diff | None
    why: str
    """Why there is no diff."""
    curves: Sequence[Markup]
    pictures: Sequence[tuple[str, bool, Sequence[tuple[str, str]]]]
    """(path, whether all are the same bytes, (letter, source) of each run that has it)."""


def page(asked: Asked) -> Page:
    """The runs that are named by `run`, two or more."""
    runs = asked.all("run")
    if not 2 <= len(runs) <= MOST:
        raise UsageError(
            f"this page compares two to {MOST} runs",
            why=f"It was asked for {len(runs)}.",
            next_step="go back, choose some runs, and try again",
        )
    made = gather(asked.context, runs, asked.links)
    return Page(title="Compare", template="compare.html", facts={"page": made}, tab="runs")


def gather(context: Context, runs: Sequence[str], links: Links) -> Compared:
    """The comparison, which looks into outputs that differ.

    Raises:
        RunBusy: a run has no record yet.
    """
    found = diff.table(context, runs)
    letters = [view.letter(at) for at in range(len(found.runs))]
    code, why = _code(context, found)
    return Compared(
        runs=list(zip(letters, found.runs, strict=True)),
        tables=list(_tables(found)),
        verdicts=[
            (letter, verdict, verdict_view.sections(verdict))
            for letter, verdict in zip(letters[1:], found.verdicts, strict=True)
        ],
        diff=code,
        why=why,
        curves=_curves(context, found.runs, letters),
        pictures=_pictures(context, found.runs, letters, links),
    )


def _tables(found: SideBySide) -> Sequence[tuple[str, str, Sequence[Sequence[str]], int]]:
    made = []
    for section, title in _TITLES.items():
        rows = [row for row in found.rows if row.section == section]
        if rows:
            shown = [view.cells(row)[1:] for row in rows[:_ROWS]]
            made.append((section, title, shown, len(rows[_ROWS:])))
    return made


def _code(context: Context, found: SideBySide) -> tuple[Diff | None, str]:
    """The patch between the code of the first two runs."""
    from reprobox.source import commit_diff

    left, right = (context.runs.record(run)[0].intent.runspec.commit for run in found.runs[:2])
    if left == right:
        return None, ""
    try:
        return commit_diff.diff(commits.holder(context, left), left, right), ""
    except ReproboxError as fault:
        return None, f"the code could not be compared: {fault.what}"


def _curves(context: Context, runs: Sequence[str], letters: Sequence[str]) -> list[Markup]:
    series = [
        {name: points for name, _, points in context.runs.values(run, reader(context)).series}
        for run in runs
    ]
    names = dict.fromkeys(name for one in series for name in one)
    made = []
    for name in names:
        lines = [
            charts.Line(label=f"{letter}: {name}", points=one.get(name, ()))
            for letter, one in zip(letters, series, strict=True)
        ]
        if any(len(line.points) > 1 for line in lines):
            made.append(charts.lines(name, lines, y=name))
    return made[:_CURVES]


def _pictures(
    context: Context, runs: Sequence[str], letters: Sequence[str], links: Links
) -> Sequence[tuple[str, bool, Sequence[tuple[str, str]]]]:
    sides: list[dict[str, OutputFile]] = [
        {file.path: file for file in context.runs.outputs(run) if outputs.may_be_picture(file)}
        for run in runs
    ]
    made = []
    for path in dict.fromkeys(path for side in sides for path in side):
        have = [
            (letter, run, side[path])
            for letter, run, side in zip(letters, runs, sides, strict=True)
            if path in side
        ]
        if len(have) > 1:
            same = len({file.sha256 for _, _, file in have}) == 1
            made.append((path, same, [(one, links.image(run, file)) for one, run, file in have]))
    return made[:_PICTURES]
