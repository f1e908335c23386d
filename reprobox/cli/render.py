"""Values for people. rich is imported when a table is drawn, not before."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from reprobox.cli.talk import Talk, human, printable
from reprobox.model import codec
from reprobox.model.record import Record
from reprobox.model.verdict import FileVerdict, Verdict

if TYPE_CHECKING:
    from reprobox.flow.box import Box

_MANY = 40
"""Rows of a verdict's table; the rest are counted. `--json` has all."""


def table(talk: Talk, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A borderless table on stdout."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold" if talk.color else "")
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", no_wrap=column != "why", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text.from_ansi(printable(cell)) if "\033" in cell else Text(printable(cell)) for cell in row))
    console = Console(no_color=not talk.color, highlight=False, soft_wrap=True)
    console.print(drawn)


def ago(seconds: float) -> str:
    """How long ago, for people."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"


def run_summary(box: Box, record: Record) -> dict[str, Any]:
    """The record, and where the run is."""
    return {"id": record.id, "path": str(box.runs.path(record.id)), "record": codec.to_json(record)}


def after_run(talk: Talk, box: Box, record: Record) -> None:
    """One or two lines of talk when a run has ended."""
    ended = record.exit
    how = f"exit {ended.code}" if ended.reason == "exited" else f"{ended.reason} (exit {ended.code})"
    outputs = f"{record.outputs.files} output{'s' if record.outputs.files != 1 else ''}, {human(record.outputs.size)}"
    place = box.runs.path(record.id).relative_to(box.top)
    talk.note(f"{record.id}  {how} after {record.duration:.1f} s  {outputs}  in {place}/outputs")
    if ended.message:
        talk.note(ended.message)
    for path in record.outputs.refused[:10]:
        talk.note(f"not collected: {path}")


def verdict_json(found: Verdict) -> dict[str, Any]:
    """A verdict with stable keys."""
    return {**codec.to_json(found), "same": found.same}


def verdict(talk: Talk, found: Verdict) -> None:
    """A verdict: what was compared, what differs, and one sentence."""
    shown = sorted(found.files, key=lambda file: (file.state == "identical", file.path))
    rows = [
        (file.path, "" if file.size is None else human(file.size), _short(file.theirs or file.ours), _state(talk, file))
        for file in shown
    ]
    if rows:
        table(talk, ("output", "size", "sha256", "verdict"), rows[:_MANY], right=("size",))
    if len(rows) > _MANY:
        talk.line(f"... and {len(rows) - _MANY} more (--json lists all)")
    for cause in found.causes[:5]:
        talk.line(f"possible cause: {cause.what}: {cause.ours} there, {cause.theirs} here. {cause.advice}")
    for note in found.notes:
        talk.line(note)
    talk.line(_sentence(talk, found))


def _state(talk: Talk, file: FileVerdict) -> str:
    detail = "; ".join(f"{key} {value}" for key, value in file.detail.items())
    return f"{file.state}{f' ({detail})' if detail else ''}"


def _short(digest: str | None) -> str:
    return (digest or "").removeprefix("sha256:")[:12]


def _sentence(talk: Talk, found: Verdict) -> str:
    counts = {state: sum(file.state == state for file in found.files) for state in ("identical", "equal-under-rule", "ignored")}
    total = len(found.files)
    streams = {True: ", stdout identical", False: ", stdout differs", None: ""}[found.stdout_equal]
    text = {
        "identical": f"identical: {counts['identical']} of {total} outputs are bit-identical{streams}",
        "equal-under-rule": f"equal under a declared rule: {counts['identical']} of {total} bit-identical, "
        f"{counts['equal-under-rule']} equal under their rule, {counts['ignored']} ignored{streams}",
        "different": f"different: {counts['identical']} of {total} outputs are bit-identical"
        f"{'' if found.exit_equal else ', the exit codes differ'}{streams}",
        "not-checked": "not checked: something could not be compared, so nothing is promised",
    }[found.result]
    color = {"identical": "32", "equal-under-rule": "33"}.get(found.result, "31")
    return f"\033[1;{color}m{text}\033[0m" if talk.color else text


def when(seconds: float) -> str:
    """A UTC time, for people and for sorting."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
