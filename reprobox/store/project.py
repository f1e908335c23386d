"""The project's own store: `.reprobox` at the top of the main work tree, known to the shared store
as one who needs its objects.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from reprobox.kit import files
from reprobox.store import layout

if TYPE_CHECKING:
    from reprobox.store.runs import Runs

NAME = ".reprobox"


def open_project(top: Path, *, shared: Path | None = None) -> Runs:
    """Opens the store of a repository, creating it if needed, and registers it in the shared
    store's `roots/`.

    Args:
        top: top directory of the repository.
        shared: the user's shared store; None when there is none.

    Raises:
        NewerFormat, StoreError: as `layout.ensure`.
    """
    # Here, because `build` needs no run and none of the modules that read them.
    from reprobox.store.runs import Runs

    root = top / NAME
    layout.ensure(root)
    if shared is not None:
        register(shared, root)
    return Runs(root)


def has_store(top: Path) -> bool:
    """Whether a directory has a store already."""
    return layout.exists(top / NAME / "VERSION")


def register(shared: Path, path: Path) -> None:
    """Notes in the shared store that what a project store (a directory) or a lock file names is
    still needed.
    """
    layout.ensure(shared)
    target = os.path.abspath(path)
    link = shared / "roots" / hashlib.sha256(os.fsencode(target)).hexdigest()
    with layout.trouble(f"registering {path} in {shared}"):
        if layout.exists(link):
            return
        try:
            os.symlink(target, link)
        except FileExistsError:
            return
        files.fsync_dir(link.parent)
