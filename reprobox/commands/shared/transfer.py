"""What export, import, push and pull have in common: which runs, which parts, where they arrive."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from reprobox.commands.shared import policy
from reprobox.context import Context, shared_home
from reprobox.errors import NotARepository, UsageError
from reprobox.executor import commits as commits_
from reprobox.executor import reconcile
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Card, Copied, Plan, Role

if TYPE_CHECKING:
    from reprobox.store.transfer.incoming import Project


CHOICES: tuple[Role, ...] = ("code", "inputs", "outputs", "image", "lock")


Look = Callable[[Plan], None]
"""Called with what will be sent, before it is."""


def parts_of(text: str) -> tuple[Role, ...]:
    """The parts in `code,lock`; `all` and `none` are understood.

    Raises:
        UsageError: a word that names no part.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["all"]:
        return CHOICES
    if words == ["none"]:
        return ()
    unknown = [word for word in words if word not in CHOICES]
    if unknown or not words:
        raise UsageError(
            f"--with does not know {', '.join(unknown) or 'nothing'}",
            next_step=f"choose from {', '.join(CHOICES)}",
        )
    return tuple(role for role in CHOICES if role in words)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What an export, import, push or pull did."""

    copied: Copied
    where: str
    size: int | None = None
    """Bytes of the bundle, where one was written."""


def chosen(context: Context, references: Sequence[str]) -> list[str]:
    """The ids of the runs that are meant, each once."""
    return list(dict.fromkeys(reconcile.find_all(context, references)))


def receive(
    context: Context,
    origin: copy.Origin,
    where: str,
    look: Look,
    *,
    outside_links: bool,
    thorough: bool = True,
) -> Shared:
    """Takes runs into the project around `context.start`, or into a repository that is made there.

    Args:
        thorough: hash what is here of these runs, and put right what is damaged.
    """
    with _project(context, origin.cards(), outside_links=outside_links, thorough=thorough) as (
        commits,
        destination,
    ):
        planned = copy.plan(origin, destination)
        look(planned)
        copied = copy.copy(planned, origin, destination, context.progress)
        for card in planned.cards:
            commits.keep(card)
        if commits.fresh:
            context.progress.note("the code is in git here; `git restore .` writes its files")
        _name_foreign_runtimes(context, copied.published)
    return Shared(copied=copied, where=where)


def _name_foreign_runtimes(context: Context, published: Sequence[str]) -> None:
    """Names the runs that came with an injected runtime of no release."""
    for run_id in published:
        record, _ = context.runs.record(run_id)
        if policy.has_foreign_runtime(context, record):
            context.progress.note(
                f"run {run_id} came with an injected runtime that no release of reprobox had "
                f"({record.intent.runspec.runtime}); a replay needs --trust-runtime and confirms "
                "nothing"
            )


def _homeless(cards: Sequence[Card], error: NotARepository) -> NotARepository:
    """Runs without their code belong into the repository that has it."""
    some = "\n".join(f"  run {card.id}: commit {card.commit}" for card in cards[:5])
    more = f"\n  and {len(cards) - 5} more" if len(cards) > 5 else ""
    return NotARepository(
        "the code was not included, and no repository here could have it",
        why=f"{some}{more}\n{error.what}",
        next_step="import it in a clone of the repository that has the commit, or have it sent "
        "with its code: `reprobox export RUN -o FILE` has it by default",
    )


@contextlib.contextmanager
def _project(
    context: Context, cards: Sequence[Card], *, outside_links: bool, thorough: bool
) -> Iterator[tuple[commits_.Code, Project]]:
    """The project around `context.start`; outside of a repository, the first commit that arrives
    makes one.
    """
    from reprobox.store.project import open_project
    from reprobox.store.transfer.incoming import Project

    code_came = all(card.pack is not None for card in cards)
    try:
        top, runs = context.top, context.runs
        fresh = code_came and commits_.begins_here(top)
    except NotARepository as error:
        top, fresh = context.start, True
        if (top / ".git").exists():
            raise
        if not code_came:
            raise _homeless([card for card in cards if card.pack is None], error) from error
        runs = open_project(top, shared=shared_home())
    commits = commits_.Code(top, runs.root, fresh=fresh)
    with Project(
        runs,
        context.objects,
        has_commit=commits.has,
        take_code=commits.take,
        outside_links=outside_links,
        thorough=thorough,
    ) as destination:
        yield commits, destination
