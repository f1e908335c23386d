"""Where runs come from: the run that was replayed, the sweep, the store that they were taken from,
the outputs that they read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from reprobox.context import Context
from reprobox.errors import ReproboxError
from reprobox.model.verdict import Class
from reprobox.store.run_row import RunRow
from reprobox.store.sweeps import Sweeps
from reprobox.views.run_list import words
from reprobox.web import charts
from reprobox.web.asked import Asked, Page
from reprobox.web.charts import Node
from reprobox.web.links import Links

SIZE = 25
"""Families of one page."""
_MEMBERS = 120
"""Of one family; more are counted."""
_SWEEP = "sweep:"
_CALLED = {"import": "taken from another store", "original": "", "reader": "reads its outputs"}


@dataclass(kw_only=True)
class Member:
    """A run, or what it came from (`row` is None then)."""

    name: str
    kind: str
    """`sweep`, `import`, `original`, `replay` or `reader`."""
    row: RunRow | None = None
    result: Class | None = None
    address: str = ""
    children: list[Member] = field(default_factory=list)

    def all(self) -> Iterator[Member]:
        """This one and all below it."""
        yield self
        for one in self.children:
            yield from one.all()


@dataclass(frozen=True, kw_only=True)
class Family:
    """A first parent, all below it, and the same as a graph."""

    top: Member
    graph: Markup
    left_out: int


def page(asked: Asked) -> Page:
    """The family of `run`, or those of the newest runs."""
    context, number = asked.context, asked.number("page")
    here = ""
    if asked.one("run"):
        here = context.runs.find(asked.one("run"))
        starts = [here]
    else:
        rows = context.runs.index.rows("replay_of IS NULL AND created >= 0", limit=number * SIZE)
        starts = [row.id for row in rows[(number - 1) * SIZE :]]
    found = families(context, starts, asked.links, here)
    facts = {
        "families": found,
        "here": here,
        "older": _other(asked, number + 1) if not here and len(starts) == SIZE else "",
        "newer": _other(asked, number - 1) if not here and number > 1 else "",
    }
    return Page(title="History", template="history.html", facts=facts, tab="history")


def _other(asked: Asked, number: int) -> str:
    return asked.links.page("history", page=str(number))


def families(context: Context, starts: Sequence[str], links: Links, here: str = "") -> list[Family]:
    """The families of some runs, each once.

    Args:
        here: the run that is marked.
    """
    made: list[Family] = []
    seen: set[str] = set()
    with context.runs.index.session():
        for run_id in starts:
            if run_id in seen:
                continue
            # Which runs read outputs is known once all runs were looked at: minutes with 100,000.
            top, left_out = _Family(context, links, readers=bool(here)).of(run_id)
            seen |= {one.row.id for one in top.all() if one.row}
            graph = charts.tree(_title(top), _node(top, here))
            made.append(Family(top=top, graph=graph, left_out=left_out))
    return made


def _title(top: Member) -> str:
    return f"History of {top.name}"


def _node(member: Member, here: str) -> Node:
    said = member.result.sentence if member.result else member.row.state if member.row else ""
    kind = _CALLED.get(member.kind, member.kind)
    second = ": ".join(filter(None, (kind, said)))
    return Node(
        label=words(member.row.id) if member.row else member.name,
        about=second,
        link=member.address,
        colour=member.result.colour if member.result else "",
        here=member.row is not None and member.row.id == here,
        children=[_node(one, here) for one in member.children],
    )


class _Family:
    """Finds the members of one family, not more than are drawn."""

    def __init__(self, context: Context, links: Links, *, readers: bool) -> None:
        self._context, self._links, self._readers = context, links, readers
        self._seen: set[str] = set()
        self._left_out = 0

    def of(self, run_id: str) -> tuple[Member, int]:
        """The first parent of a run, and how many members are left out."""
        first = self._first(run_id)
        row = self._row(first)
        parent = self._parent(row) if row else None
        if parent is None:
            return self._member(first, row, "original"), self._left_out
        return parent, self._left_out

    def _row(self, run_id: str) -> RunRow | None:
        found = self._context.runs.index.rows("id = ? AND created >= 0", (run_id,))
        return found[0] if found else None

    def _first(self, run_id: str) -> str:
        seen = {run_id}
        while (row := self._row(run_id)) and row.replay_of and row.replay_of not in seen:
            run_id = row.replay_of
            seen.add(run_id)
        return run_id

    def _parent(self, row: RunRow) -> Member | None:
        """The sweep or the import that a run came from, with all that came from it."""
        sweeps = [tag.removeprefix(_SWEEP) for tag in row.tags if tag.startswith(_SWEEP)]
        if sweeps and (top := self._sweep(sweeps[0])):
            return top
        if row.digest and self._context.runs.started(row.id) is None:
            host = self._context.runs.intent(row.id).host.get("name") or "another host"
            top = Member(name=str(host), kind="import")
            top.children = [self._member(row.id, row, "original")]
            return top
        return None

    def _sweep(self, sweep_id: str) -> Member | None:
        sweeps = Sweeps(self._context.runs.root)
        if sweep_id not in sweeps.ids():
            return None
        name = sweeps.read(sweep_id).name or sweep_id
        top = Member(name=name, kind="sweep", address=self._links.page(f"sweep/{sweep_id}"))
        runs = [trial.run for trial in sweeps.trials(sweep_id)]
        top.children = list(self._members(runs, "original"))
        return top

    def _members(self, runs: Sequence[str], kind: str) -> Iterator[Member]:
        for run_id in runs:
            if run_id in self._seen:
                continue
            if len(self._seen) >= _MEMBERS:
                self._left_out += 1
                continue
            yield self._member(run_id, self._row(run_id), kind)

    def _member(self, run_id: str, row: RunRow | None, kind: str) -> Member:
        self._seen.add(run_id)
        row = row or RunRow(id=run_id, state="removed", created=0.0)
        made = Member(
            name=run_id,
            kind=kind,
            row=row,
            result=self._result(row),
            address=self._links.run(run_id) if row.state != "removed" else "",
        )
        replays = self._context.runs.index.rows("replay_of = ?", (run_id,))
        made.children = [
            *self._members([one.id for one in reversed(replays)], "replay"),
            *self._members(self._reading(run_id), "reader"),
        ]
        return made

    def _reading(self, run_id: str) -> list[str]:
        return self._context.runs.index.readers(run_id) if self._readers else []

    def _result(self, row: RunRow) -> Class | None:
        if not row.replay_of or not row.digest:
            return None
        try:
            found = self._context.runs.verdicts(row.id)
        except ReproboxError:
            return None
        return found[-1].result if found else None
