"""rm: removes runs, keeps those that others need, and brings removed runs back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from reprobox.context import Context
from reprobox.errors import RunAmbiguous, RunBusy, RunNeeded, RunNotFound
from reprobox.executor import executors, journal, local, reconcile, run_home, secrets
from reprobox.executor.attach import LIVE
from reprobox.kit import fd_trees
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import shown
from reprobox.kit.units import counted
from reprobox.model.runspec import InputPin
from reprobox.store import attempts, input_sources

_SHOWN = 10
"""How many readers or candidates a message names."""
_STAMP = len("20261120-153012-")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A run that has an input in another run's outputs."""

    id: str
    input: str
    """Where the run sees the input."""
    source: str
    """Run whose outputs it is in."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A run that is to be removed."""

    id: str
    size: int
    """Bytes of its directory."""
    replays: tuple[str, ...]
    """Runs that replayed it; they do not need it."""
    readers: tuple[Reader, ...]
    """Runs that need its outputs, and are not removed with it."""
    can_be_restored: bool
    """Whether `rm --undo` can bring it back: it has a record."""


@dataclass(frozen=True, kw_only=True)
class Removed:
    """A removed run that can be restored."""

    id: str
    name: str | None
    at: float
    """When it was removed, seconds since 1970."""
    size: int
    """Bytes of its directory."""


def plan(
    context: Context, references: Sequence[str], *, abandon: bool = False
) -> tuple[Candidate, ...]:
    """What a removal would remove, and which other runs need it. Changes nothing.

    Args:
        abandon: also runs without a record that another host or engine has. Their containers are
            not reached from here.

    Raises:
        RunNotFound, RunAmbiguous: for a reference.
        RunBusy: one of the runs is running.
        RunElsewhere: another host or engine has one of the runs.
    """
    wanted = list(dict.fromkeys(reconcile.find_all(context, references)))
    for run_id in wanted:
        _refuse_running(context, run_id, abandon=abandon)
    return tuple(_candidate(context, run_id, frozenset(wanted)) for run_id in wanted)


def _candidate(context: Context, run_id: str, wanted: frozenset[str]) -> Candidate:
    return Candidate(
        id=run_id,
        size=fd_trees.bytes_of(context.runs.path(run_id)),
        replays=tuple(sorted(row.id for row in context.runs.list(replay_of=run_id))),
        readers=tuple(
            reader
            for other in context.runs.index.readers(run_id)
            if other not in wanted
            for reader in _inputs_from(context, other, run_id)
        ),
        can_be_restored=context.runs.finished(run_id),
    )


def _inputs_from(context: Context, reader: str, source: str) -> Iterator[Reader]:
    """The inputs of a run that lie in another run's outputs, and nowhere in the store."""
    from reprobox.commands.shared import input_transfer

    for pin in context.runs.intent(reader).runspec.inputs:
        if _lies_in(pin, source) and not input_transfer.kept(context.all_objects, pin):
            yield Reader(id=reader, input=pin.path, source=source)


def _lies_in(pin: InputPin, run_id: str) -> bool:
    return not pin.tracked and run_id in input_sources.sources_of(pin.source)


def refuse_needed(candidates: Sequence[Candidate]) -> None:
    """Raises RunNeeded when another run needs one of the candidates."""
    readers = [reader for one in candidates for reader in one.readers]
    if readers:
        needed = [one.id for one in candidates if one.readers]
        raise RunNeeded(
            f"{counted(len(needed), 'run')} cannot be removed: other runs need their outputs, so "
            "nothing was removed",
            why=readers_text(readers),
            next_step=f"reprobox rm {' '.join(needed)} --force removes anyway; "
            "`reprobox export` with inputs keeps a copy of what a run needs",
        )


def readers_text(readers: Sequence[Reader]) -> str:
    """Which run needs what, a line each."""
    lines = [
        f"run {reader.id}: input {shown(reader.input)} is an output of {reader.source}"
        for reader in readers[:_SHOWN]
    ]
    more = len(readers) - _SHOWN
    return "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])


def remove(context: Context, candidates: Sequence[Candidate]) -> Iterator[str]:
    """Removes runs; each id, as soon as the run is gone. A run with a record can be restored until
    `gc` deletes it; one without a record is deleted, and its ref and container with it.
    """
    for one in candidates:
        if one.can_be_restored:
            context.runs.trash(one.id, context.clock())
        else:
            journal.begin(context, one.id)
            _give_up(context, one.id)
            context.runs.remove(one.id)
            journal.end(context, one.id)
        yield one.id


def _refuse_running(context: Context, run_id: str, *, abandon: bool) -> None:
    """What has ended and could not be collected may be removed; what may still do something not."""
    if attempts.is_scheduled(context.runs.path(run_id)):
        if not abandon and not context.runs.finished(run_id):
            raise RunBusy(
                f"run {run_id} has no record, and its job may still run",
                next_step=f"stop it first: reprobox stop {run_id}",
            )
        return
    if not abandon:
        run_home.require_here(context, run_id)
    if not context.runs.finished(run_id):
        state = executors.of_run(context, run_id).state(run_id)
        if state.supervised or (state.container and state.container.status in LIVE):
            raise RunBusy(
                f"run {run_id} is {state.name}", next_step=f"stop it first: reprobox stop {run_id}"
            )


def _give_up(context: Context, run_id: str) -> None:
    with context.runs.hold(run_id) as run:
        local.unmake(context, run, context.runs.intent(run_id))
        secrets.forget(run.path)


def removed(context: Context) -> list[Removed]:
    """The runs that can be restored, the run that was removed last first."""
    found = context.runs.removed()
    newest = sorted(found, key=lambda run_id: (found[run_id], run_id), reverse=True)
    return [
        Removed(
            id=run_id,
            name=context.runs.removed_intent(run_id).name,
            at=found[run_id],
            size=fd_trees.bytes_of(_folder(context, run_id)),
        )
        for run_id in newest
    ]


def _folder(context: Context, run_id: str) -> Path:
    return context.runs.folder / run_id


def undo(context: Context, references: Sequence[str]) -> Iterator[str]:
    """Brings removed runs back; each id, as soon as the run is there.

    Raises:
        RunNotFound, RunAmbiguous: for a reference; nothing is restored.
    """
    known = context.runs.removed()
    for run_id in list(dict.fromkeys(_find(context, known, one) for one in references)):
        context.runs.restore(run_id)
        yield run_id


def _find(context: Context, known: Mapping[str, float], reference: str) -> str:
    """The removed run that an id, the begin of an id or of its words, or a name means."""
    if reference in known:
        return reference
    found = [
        run_id
        for run_id in known
        if run_id.startswith(reference)
        or run_id[_STAMP:].startswith(reference)
        or context.runs.removed_intent(run_id).name == reference
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise RunAmbiguous(
            f"{shown(reference)} means more than one removed run",
            why="\n".join(found[:_SHOWN]),
            next_step="give more of the id",
        )
    raise RunNotFound(
        f"no removed run matches {shown(reference)}",
        next_step="`reprobox rm --trash` lists the removed runs",
    )
