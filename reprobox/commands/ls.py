"""ls: runs, newest first, filtered. Runs that were left unfinished are completed first
(executor/reconcile).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.executor import reconcile, run_home
from reprobox.kit import units
from reprobox.store.config_index import Setting
from reprobox.store.run_row import RunRow


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which runs are to be listed, as people say it."""

    name: str | None = None
    tag: str | None = None
    state: str | None = None
    since: str | None = None
    until: str | None = None
    commit: str | None = None
    where: Sequence[str] = ()


def list_runs(context: Context, wanted: Wanted, *, limit: int | None) -> list[RunRow]:
    """Runs, newest first.

    Raises:
        UsageError: a date or setting makes no sense.
        SourceError: git knows no such commit.
    """
    since, until = _moment(context, wanted.since, 0), _moment(context, wanted.until, 1)
    commit, settings = _commit(context, wanted.commit), [_setting(text) for text in wanted.where]
    with context.runs.index.session():
        answers = reconcile.settle(context)
        return list(
            context.runs.list(
                limit=limit,
                name=wanted.name,
                tag=wanted.tag,
                state=wanted.state,
                since=since,
                until=until,
                commit=commit,
                settings=settings,
                containers=reconcile.container_state(context) if answers else None,
                elsewhere=run_home.elsewhere(context) if answers else None,
            )
        )


def _moment(context: Context, text: str | None, end: int) -> float | None:
    try:
        return units.moments_of(text, context.clock())[end] if text is not None else None
    except (ValueError, OverflowError) as error:
        raise UsageError(str(error), next_step="reprobox ls --help") from error


def _commit(context: Context, text: str | None) -> str | None:
    """Some digits of a commit's name are a prefix; all else is for git to say."""
    if text is None or re.fullmatch(r"[0-9a-f]{4,64}", text.lower()):
        return text and text.lower()
    from reprobox.source.repo import resolve

    return resolve(context.repo, text)


def _setting(text: str) -> Setting:
    from reprobox.config.load import recordable
    from reprobox.config.overrides import pair

    key, value, raw = pair(text)
    return Setting(key=key, values=(recordable({"": value})[""], raw))
