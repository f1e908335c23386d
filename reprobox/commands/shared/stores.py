"""The stores that a command works on: the project's own and the user's shared one."""

from __future__ import annotations

from pathlib import Path

from reprobox.context import Context


def stores(context: Context, *, shared: bool) -> list[Path]:
    """The project's store and, when asked, the shared one, which every project of the user has in
    common.
    """
    return [context.runs.root, *([context.objects.root] if shared else [])]
