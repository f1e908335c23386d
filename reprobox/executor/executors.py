"""The executors that are known, by name. Adding one is a module and a row."""

from __future__ import annotations

from collections.abc import Callable

from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.executor.base import Executor
from reprobox.executor.local_executor import LocalExecutor

LOCAL = "local"
EXECUTORS: dict[str, Callable[[Context], Executor]] = {LOCAL: LocalExecutor}


def of(context: Context, name: str = LOCAL) -> Executor:
    """An executor by its name. Raises UsageError for a name that none has."""
    made = EXECUTORS.get(name)
    if made is None:
        raise UsageError(
            f"there is no executor {name!r}", next_step=f"one of: {', '.join(sorted(EXECUTORS))}"
        )
    return made(context)
