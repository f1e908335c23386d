"""verify-all: replays of recorded runs, one after the other, for continuous integration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reprobox.commands import ls, replay
from reprobox.context import Context
from reprobox.errors import ReproboxError
from reprobox.executor.attach import Watcher
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What came of the replay of one run."""

    run: str
    verdict: Verdict | None = None
    fault: ReproboxError | None = None
    """Why the replay gave no verdict."""


def verify_all(
    context: Context,
    wanted: ls.Wanted,
    watcher: Watcher,
    *,
    rules: Sequence[OutputRule] = (),
    stop: bool = False,
) -> Iterator[Replayed]:
    """Replays each run that matches and is not a replay itself, the oldest first.

    Args:
        rules: as of `replay`.
        stop: end with the first verdict that is not the same.
    """
    rows = [item.row for item in ls.list_runs(context, wanted, limit=None)]
    for row in reversed(rows):
        if row.replay_of or row.exit_code is None:
            continue
        found = _one(context, row.id, watcher, rules)
        yield found
        if stop and (found.verdict is None or found.verdict.result.code):
            return


def _one(context: Context, run_id: str, watcher: Watcher, rules: Sequence[OutputRule]) -> Replayed:
    try:
        done = replay.replay(context, run_id, watcher, rules=rules)
    except ReproboxError as fault:
        return Replayed(run=run_id, fault=fault)
    return Replayed(run=run_id, verdict=done.verdict)
