"""export, import, push, pull: the same copy between two ends; here is what a run needs from every room to be whole elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from reprobox.errors import NotARepository, UsageError
from reprobox.flow import code, parcel, reconcile
from reprobox.flow.box import Box, shared_home
from reprobox.store import copy, whole
from reprobox.store.copy import Card, Copied, Plan, Role

if TYPE_CHECKING:
    from reprobox.store.incoming import Project

CHOICES: tuple[Role, ...] = ("code", "inputs", "outputs", "image", "lock")
Look = Callable[[Plan], None]
"""Told what will be sent, before it is."""


def parts_of(text: str) -> tuple[Role, ...]:
    """The parts in `code,lock`; `all` and `none` are understood.

    Raises:
        UsageError: a word that is no part.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["all"]:
        return CHOICES
    if words == ["none"]:
        return ()
    unknown = [word for word in words if word not in CHOICES]
    if unknown or not words:
        raise UsageError(f"--with does not know {', '.join(unknown) or 'nothing'}", next_step=f"choose from {', '.join(CHOICES)}")
    return tuple(role for role in CHOICES if role in words)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What an export, import, push or pull did."""

    copied: Copied
    where: str
    size: int | None = None
    """Bytes of the bundle, where one was written."""


def export(box: Box, references: Sequence[str], target: str, parts: Sequence[Role], look: Look, *, force: bool = False) -> Shared:
    """Writes runs into one file, `-` for stdout; the file appears when it is whole.

    Raises:
        UsageError: the file is there already, and `force` was not said.
        StoreDamaged: bytes are not what was recorded.
    """
    from reprobox.store.bundle import Writer

    if target != "-" and not force:
        whole.refuse_taken(Path(target))
    with parcel.packed(box, chosen(box, references), parts) as supply, _target(target, force=force) as file, Writer(file) as writer:
        planned = copy.plan(supply, writer)
        look(planned)
        copied = copy.copy(planned, supply, writer, box.progress)
        return Shared(copied=copied, where=target, size=writer.size)


def chosen(box: Box, references: Sequence[str]) -> list[str]:
    """The ids of the runs that are meant, each once."""
    return list(dict.fromkeys(reconcile.find_all(box, references)))


@contextlib.contextmanager
def _target(target: str, *, force: bool) -> Iterator[IO[bytes]]:
    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with whole.written(Path(target), replace=force) as file:
        yield file


def import_(box: Box, source: str, look: Look, *, outside_links: bool = False) -> Shared:
    """Takes the runs of a bundle (`-` for stdin) into the project around `box.start`, or makes a repository there.

    Raises:
        BundleRefused, NewerFormat: nothing of it was published.
        RunBusy: another import goes on.
    """
    from reprobox.store.bundle import Reader

    with _source(source) as file:
        supply = Reader(file)
        return _receive(box, supply, source, look, outside_links=outside_links)


@contextlib.contextmanager
def _source(source: str) -> Iterator[IO[bytes]]:
    if source == "-":
        yield sys.stdin.buffer
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(Path(source).open("rb"))
        except OSError as fault:
            raise UsageError(f"cannot read {source}", why=fault.strerror or str(fault)) from fault
        yield file


def push(box: Box, references: Sequence[str], url: str, parts: Sequence[Role], look: Look) -> Shared:
    """Sends runs to a store elsewhere: a directory, `s3://bucket/prefix`, `ssh://user@host/path`.

    Raises:
        StoreError: it cannot be reached or written; a second push sends what is missing.
        BundleRefused: it has another run with the same id.
    """
    from reprobox.store.remote import open_remote

    with open_remote(url) as stock, parcel.packed(box, chosen(box, references), parts) as supply:
        planned = copy.plan(supply, stock)
        look(planned)
        return Shared(copied=copy.copy(planned, supply, stock, box.progress), where=url)


def pull(box: Box, references: Sequence[str], url: str, look: Look, *, outside_links: bool = False) -> Shared:
    """Takes runs from a store elsewhere, by id or unique prefix; all of them when none is named.

    Raises:
        RunNotFound, RunAmbiguous: for the references.
        StoreError: it cannot be reached or read; a second pull goes on.
    """
    from reprobox.store.remote import open_remote

    with open_remote(url) as remote:
        return _receive(box, remote.choose(references), url, look, outside_links=outside_links)


def _receive(box: Box, supply: copy.Supply, where: str, look: Look, *, outside_links: bool) -> Shared:
    with _project(box, supply.cards(), outside_links=outside_links) as (commits, stock):
        planned = copy.plan(supply, stock)
        look(planned)
        copied = copy.copy(planned, supply, stock, box.progress)
        for card in planned.cards:
            commits.keep(card)
        if commits.fresh:
            box.progress.note("the code is in git here; `git restore .` writes its files")
    return Shared(copied=copied, where=where)


def _homeless(cards: Sequence[Card], error: NotARepository) -> NotARepository:
    """Runs without their code belong into the repository that has it."""
    some = "\n".join(f"  run {card.id}: commit {card.commit}" for card in cards[:5])
    more = f"\n  and {len(cards) - 5} more" if len(cards) > 5 else ""
    return NotARepository(
        "the code did not come along, and there is no repository here that could have it",
        why=f"{some}{more}\n{error.what}",
        next_step="import it in a clone of the repository that has the commit, or have it sent with its code "
        "(reprobox export RUN --with code,inputs,outputs,lock, which is the default)",
    )


@contextlib.contextmanager
def _project(box: Box, cards: Sequence[Card], *, outside_links: bool) -> Iterator[tuple[code.Code, Project]]:
    """The project around `box.start`; where there is no repository, the first commit that arrives makes one."""
    from reprobox.store.incoming import Project
    from reprobox.store.project import open_project

    code_came = all(card.pack is not None for card in cards)
    try:
        top, runs = box.top, box.runs
        fresh = code_came and code.begins_here(top)
    except NotARepository as error:
        top, fresh = box.start, True
        if (top / ".git").exists():
            raise
        if not code_came:
            raise _homeless([card for card in cards if card.pack is None], error) from error
        runs = open_project(top, shared=shared_home())
    commits = code.Code(top, runs.root, fresh=fresh)
    with Project(runs, box.objects, has_commit=commits.has, take_code=commits.take, outside_links=outside_links) as stock:
        yield commits, stock
