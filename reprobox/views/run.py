"""One run: what was asked, what was observed, what came out, and who has confirmed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reprobox.commands.shared import forecast, policy
from reprobox.kit.text import shortened
from reprobox.kit.units import counted, human
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.source import Source
from reprobox.runtime import releases
from reprobox.store import run_state
from reprobox.views.blocks import Line, Section, Table
from reprobox.views.times import lasted, when

if TYPE_CHECKING:
    from reprobox.commands.attest import Confirmation
    from reprobox.commands.show import Shown
    from reprobox.store.annotation_log import Note

_OUTPUTS = 40
"""Outputs in a table; the rest are counted."""
_VALUES = 40
"""Metrics, and parameters, in a table; the rest are counted."""
_REMARKS = 10
"""Remarks of a kind; the rest are counted."""


def sections(found: Shown, signed: Sequence[Confirmation]) -> tuple[Section, ...]:
    """A whole run; only its state, while it has no record."""
    if found.record is None:
        where = f"  {found.where}" if found.where else ""
        return (Section(title="run", blocks=(Line(f"{found.id}  {found.state}{where}"),)),)
    lines = tuple(Line(f"{label:<10}  {value}") for label, value in facts(found, signed))
    values = (_values(found, "metric", "metric"), _values(found, "param", "parameter"))
    return (
        Section(title="run", blocks=lines),
        *(section for section in values if section.blocks),
        _outputs(found.outputs),
    )


def facts(found: Shown, signed: Sequence[Confirmation]) -> list[tuple[str, str]]:
    """(label, text) of a run with a record; an empty label continues the fact before."""
    if found.record is None:
        return []
    return [
        *_facts(found.record, found.name, found.tags),
        *_notes(found.said.notes),
        *((f"replay {row.id}", row.result) for row in found.verdicts),
        *map(_signed, signed),
    ]


def _notes(notes: Sequence[Note]) -> Iterator[tuple[str, str]]:
    for note in notes:
        first, *more = note.text.splitlines() or [""]
        yield "note", f"{first}  ({note.by or 'unknown'}, {when(note.at)} UTC)"
        yield from (("", line) for line in more)


def _values(found: Shown, kind: str, title: str) -> Section:
    """Metrics or parameters, with the output that each is from; nothing where there are none."""
    from reprobox.views.run_list import value_text

    # SQLite has no NaN, so that a number that is none comes as nothing.
    rows = [
        (name, "nan" if value is None else value_text(value), source or "the config's `metrics`")
        for one, name, source, value in found.values
        if one == kind
    ]
    if not rows:
        return Section(title=title, blocks=())
    table = Table(columns=(title, "value", "from"), rows=tuple(rows[:_VALUES]), right=("value",))
    more = len(rows) - _VALUES
    rest = (Line(f"... and {more:,} more (--json lists all)"),) if more > 0 else ()
    return Section(title=title, blocks=(table, *rest))


def _outputs(outputs: Sequence[OutputFile]) -> Section:
    table = Table(
        columns=("output", "size", "sha256"),
        rows=tuple(
            (file.path, human(file.size), file.sha256.removeprefix("sha256:")[:16])
            for file in outputs[:_OUTPUTS]
        ),
        right=("size",),
    )
    more = len(outputs) - _OUTPUTS
    rest = (Line(f"... and {more:,} more (--json lists all)"),) if more > 0 else ()
    return Section(title="outputs", blocks=(table, *rest))


def _signed(one: Confirmation) -> tuple[str, str]:
    """A statement in one line; an unknown signature is shown by its key, and as that."""
    who = ", ".join(one.who) if one.trusted else f"{', '.join(one.keys) or 'unknown'}, not verified"
    label = "made by" if one.kind == "made" else "confirmed"
    return label, f"{who}  {one.result}  {one.where}  {one.when}"


def _facts(record: Record, name: str | None, tags: Sequence[str]) -> list[tuple[str, str]]:
    intent, asked = record.intent, record.intent.runspec
    title = (record.id, *filter(None, (name,)), *(f"[{tag}]" for tag in tags))
    ended = f"{record.exit.reason}, exit {record.exit.shown}, {lasted(record)}"
    return [
        ("run", "  ".join(title)),
        *([("replay of", intent.replay_of)] if intent.replay_of else []),
        ("ended", f"{ended}, at {when(record.finished)} UTC"),
        *(("", line) for line in remarks(record)),
        ("identity", intent.identity),
        ("command", " ".join(asked.argv)),
        ("overrides", " ".join(intent.overrides) or "none"),
        ("commit", f"{asked.commit}{_origin(intent.source)}"),
        ("author", intent.source.author or "unknown"),
        ("image", asked.image),
        ("lock", asked.lock),
        ("runtime", _runtime(asked.runtime)),
        ("profile", f"{asked.profile}, seed {asked.seed}, {counted(asked.threads, 'thread')}"),
        *_isolation(record),
        ("inputs", ", ".join(f"{pin.path} ({human(pin.size)})" for pin in asked.inputs) or "none"),
        *(("", change.sentence) for change in record.observed.inputs_changed),
        *(("left", seen.sentence) for seen in [record.observed.outside] if seen and seen.files),
        *_machine(record),
    ]


def _origin(source: Source) -> str:
    """Where a commit is in the repository; no branch has a snapshot."""
    branch = source.branch
    if source.snapshot:
        made = f", made on {branch}" if branch else ""
        return f" (snapshot of a work tree that was not clean{made})"
    return f" on {branch}" if branch else ""


def _runtime(digest: str) -> str:
    """What was injected, and whose that is."""
    if version := releases.release_of(digest):
        return f"{digest}  of reprobox {version}"
    known = releases.is_known(digest)
    return f"{digest}  of {'this reprobox' if known else 'no release of reprobox'}"


def _machine(record: Record) -> Iterator[tuple[str, str]]:
    intent, seen = record.intent, record.observed
    gpus = ", ".join(str(gpu.name) for gpu in seen.gpus or ()) or "none"
    yield "gpus", f"asked {intent.runspec.gpus or 'none'}, observed {gpus}"
    yield "cpu", (seen.cpu and seen.cpu.model_name) or "unknown"
    host = f"{intent.host.get('user', '')}@{intent.host.get('name', '')}"
    yield "host", f"{host}, engine {intent.engine.get('version', 'unknown')}"


def _isolation(record: Record) -> list[tuple[str, str]]:
    """How the run was less isolated than by default."""
    lines = list(policy.loosened(record.intent.runspec)) or ["hermetic"]
    return [("" if number else "isolation", line) for number, line in enumerate(lines)]


def end(record: Record) -> str:
    """How a run ended, in one line."""
    state = run_state.name_of(record.exit.code, record.exit.reason)
    return f"{record.id}  {state} (exit {record.exit.shown}) {lasted(record)}"


def ended(record: Record, place: str) -> Iterator[str]:
    """What is reported when a run has ended: a line, and its remarks.

    Args:
        place: where its outputs are.
    """
    code = record.exit.code
    how = (
        f"exit {code}" if record.exit.reason == "exited" else f"{record.exit.reason} (exit {code})"
    )
    outputs = f"{counted(record.outputs.files, 'output')}, {human(record.outputs.size)}"
    yield f"{record.id}  {how} {lasted(record)}  {outputs}  in {place}"
    yield from remarks(record)


def remarks(record: Record) -> Iterator[str]:
    """What a reader of a run should not miss."""
    if record.exit.message:
        yield record.exit.message
    yield from _out_of_memory(record)
    yield from forecast.gpus_unseen(record)
    refused = record.outputs.refused
    yield from (f"not collected: {shortened(path)}" for path in refused[:_REMARKS])
    if len(refused) > _REMARKS:
        yield f"and {len(refused) - _REMARKS:,} more were not collected (--json names all)"
    yield from forecast.outside(record)[:_REMARKS]


def _out_of_memory(record: Record) -> Iterator[str]:
    """A program may continue without a process that was killed, and end well with less than it
    was meant to do.
    """
    kills, limit = record.observed.oom_kills or 0, record.intent.runspec.resources.memory
    if kills and record.exit.reason != "oom":
        bound = f"its memory limit is {limit}" if limit else "the machine had no more"
        processes = counted(kills, "process", "processes")
        yield f"out of memory: the kernel killed {processes} of the run ({bound})"
