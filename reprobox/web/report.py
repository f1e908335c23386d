"""The pages of some runs as one file: no server, no network, no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from reprobox.commands import sweep as sweep_command
from reprobox.commands.shared.read_values import reader
from reprobox.context import Context
from reprobox.errors import ReproboxError, UsageError
from reprobox.executor import reconcile
from reprobox.kit import files
from reprobox.model.outcome import OutputFile
from reprobox.store.sweeps import Sweeps
from reprobox.version import __version__
from reprobox.views import run_list
from reprobox.web import (
    compare_page,
    divergence_page,
    history_page,
    outputs,
    run_page,
    sweep_page,
    templates,
    verdicts_page,
)
from reprobox.web.links import ReportLinks
from reprobox.web.run_page import FULL, Detail

MOST = 4_500_000
"""Bytes of a file, beyond which runs get no part of their own."""
_NEWEST = 50
"""Runs of a report that names none."""
_PICTURES, _PICTURE = 1_500_000, 400_000
"""Bytes of all pictures in a file, and of one."""
_SMALL = Detail(outputs=10, curves=2, points=60, pictures=1, lines=8, config=40, environment=False)
_DETAILS = ((5, FULL), (30, Detail(outputs=40, curves=6, points=150, pictures=4, lines=60)))
"""Up to so many runs; more are shown in little detail."""
_METRICS = 6


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the file, and the name by which it is reached."""

    name: str
    title: str
    body: Markup


@dataclass(kw_only=True)
class _Report:
    """Makes the parts of one file."""

    context: Context
    runs: tuple[str, ...]
    sweep: str | None
    left: int = field(default=_PICTURES)
    """Bytes that pictures may still take."""

    def page(self) -> str:
        """The whole file."""
        names = self._names()
        links = ReportLinks(self.runs, names, self._picture)
        detail = next((one for most, one in _DETAILS if len(self.runs) <= most), _SMALL)
        sections, size = [], 0
        for run_id in self.runs:
            made = self._part(f"run-{run_id}", "run.html", run_id, links, self._run(run_id, detail))
            size += len(made.body)
            if size > MOST:
                break
            sections.append(made)
        shown = self.runs[: len(sections)]
        links = ReportLinks(shown, names, self._picture)
        tabs = [self._tab(name, links) for name in names]
        text = templates.render(
            "report.html",
            title=self.context.top.name,
            tabs=tabs,
            runs=sections,
            left_out=len(self.runs) - len(shown),
            version=__version__,
            style=Markup(_style()),  # noqa: S704  # nosec B704
            policy=_policy(),
        )
        for run_id in self.runs[len(shown) :]:
            text = text.replace(f' href="#run-{run_id}"', "")
        return text

    def _names(self) -> list[str]:
        few = 2 <= len(self.runs) <= compare_page.MOST
        return [
            "runs",
            *([f"sweep/{self.sweep}"] if self.sweep else []),
            *(["compare"] if few and self._recorded() else []),
            *(["divergence"] if len(self.runs) == 2 else []),
            "verdicts",
            "history",
        ]

    def _recorded(self) -> bool:
        return all(self.context.runs.finished(run_id) for run_id in self.runs)

    def _tab(self, name: str, links: ReportLinks) -> Part:
        if name.startswith("sweep/"):
            status = sweep_command.status(self.context, str(self.sweep))
            made = sweep_page.gather(status, links)
            return self._part(name, "sweep.html", "Sweep", links, {"page": made})
        title, template, facts = {
            "runs": ("Runs", "report_runs.html", self._rows),
            "compare": ("Compare", "compare.html", self._compared),
            "divergence": ("Divergence", "divergence.html", self._diverging),
            "verdicts": ("Verdicts", "verdicts.html", self._matrix),
            "history": ("History", "history.html", self._history),
        }[name]
        return self._part(name, template, title, links, facts(links))

    def _part(
        self, name: str, template: str, title: str, links: ReportLinks, facts: dict[str, Any]
    ) -> Part:
        prefix = f"{name.replace('/', '-')}-"
        given = {**facts, "title": title, "links": links, "prefix": prefix, "form_key": ""}
        text = templates.render(template, **given)
        body = Markup(text)  # noqa: S704  # nosec B704
        return Part(name=name, title=title, body=body)

    def _run(self, run_id: str, detail: Detail) -> dict[str, Any]:
        links = ReportLinks(self.runs, (), self._picture)
        return {"page": run_page.gather(self.context, run_id, links, detail)}

    def _rows(self, links: ReportLinks) -> dict[str, Any]:
        found = {row.id: row for one in self.runs for row in self._row(one)}
        names = self.context.runs.metrics_of(self.runs, reader(self.context))[:_METRICS]
        values = self.context.runs.values_of(self.runs, names, reader(self.context))
        rows = [
            (found[one], run_list.took(found[one].duration), run_list.commit(found[one]),
             [run_list.value_text(value) for value in values[one]])
            for one in self.runs
            if one in found
        ]  # fmt: skip
        return {"rows": rows, "metrics": names}

    def _row(self, run_id: str) -> Sequence[Any]:
        return self.context.runs.index.rows("id = ? AND created >= 0", (run_id,))

    def _compared(self, links: ReportLinks) -> dict[str, Any]:
        return {"page": compare_page.gather(self.context, self.runs, links)}

    def _diverging(self, links: ReportLinks) -> dict[str, Any]:
        return {"page": divergence_page.gather(self.context, *self.runs)}

    def _matrix(self, links: ReportLinks) -> dict[str, Any]:
        made = verdicts_page.gather(self.context, "machine", only=self.runs)
        return {"matrix": made, "pages": {"last": 1}, "choices": verdicts_page.BY}

    def _history(self, links: ReportLinks) -> dict[str, Any]:
        found = history_page.families(self.context, self.runs[:_NEWEST], links)
        return {"families": found, "older": "", "newer": ""}

    def _picture(self, run_id: str, file: OutputFile) -> str:
        """A picture as an address that holds it; nothing where it is too large, or none."""
        if file.size > min(_PICTURE, self.left):
            return ""
        try:
            with outputs.opened(self.context, run_id, file) as data:
                content = data.read()
        except ReproboxError:
            return ""
        kind = outputs.picture_type(content)
        if kind is None:
            return ""
        self.left -= 4 * len(content) // 3
        return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def write(context: Context, references: Sequence[str], target: Path) -> tuple[str, ...]:
    """Writes the file; the ids of its runs.

    Args:
        references: runs, or one sweep; none: the newest runs.

    Raises:
        RunNotFound, SweepNotFound: there is no such run or sweep.
        UsageError: there is nothing to report, or the file cannot be written.
    """
    runs, sweep = _meant(context, references)
    if not runs:
        raise UsageError("there are no runs to report", next_step="reprobox run config.yaml")
    text = _Report(context=context, runs=runs, sweep=sweep).page()
    try:
        files.replace(target, text.encode("utf-8", "backslashreplace"))
    except OSError as fault:
        raise UsageError(
            f"{target} cannot be written",
            why=fault.strerror or str(fault),
            next_step="reprobox report -o page.html",
        ) from fault
    return runs


def _meant(context: Context, references: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    reconcile.settle(context)
    if not references:
        rows = context.runs.index.rows("created >= 0", limit=_NEWEST)
        return tuple(row.id for row in rows), None
    name = references[0]
    sweeps = Sweeps(context.runs.root)
    if len(references) == 1 and (name.startswith("sweep:") or name in sweeps.ids()):
        sweep = sweeps.find(name)
        return tuple(sweep_command.runs_of(context, sweep.id)), sweep.id
    return tuple(dict.fromkeys(context.runs.find(one) for one in references)), None


def _style() -> str:
    return templates.static("page.css").decode() + templates.static("report.css").decode()


def _policy() -> str:
    """Nothing is loaded and nothing is run; the one style is named by its hash (CSP 3, 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
