"""What every verb works with, opened once by the CLI (or by a test) and passed in."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reprobox.engine.docker import DockerEngine
    from reprobox.model.ports import Progress
    from reprobox.store.object_chain import ChainObjects
    from reprobox.store.objects import ObjectStore
    from reprobox.store.runs import Runs


def shared_home() -> Path:
    """Where wheels, debs and base layers rest: $REPROBOX_HOME, else below $XDG_DATA_HOME, else
    ~/.local/share/reprobox.
    """
    if home := os.environ.get("REPROBOX_HOME"):
        return Path(home).absolute()
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(data).absolute() / "reprobox"


@dataclass
class Context:
    """The effects. Each is opened when it is first needed, so that a verb pays only for what it
    uses.
    """

    start: Path
    progress: Progress
    clock: Callable[[], float] = time.time
    argv: tuple[str, ...] = ()
    engine_url: str | None = None
    making: dict[str, ExitStack] = field(default_factory=dict, repr=False)
    """Runs that this process is making; see executor/journal.py."""
    _top: Path | None = field(default=None, repr=False)

    @cached_property
    def top(self) -> Path:
        """Top of the repository around `start`. Raises NotARepository."""
        from reprobox.source.repo import find_top

        return self._top or find_top(self.start)

    @cached_property
    def home(self) -> Path:
        """Where the project's store is: at the top of the main work tree, because a linked one is
        made to be removed, and git then removes what is ignored in it without a word. A store that
        a linked one has already stays its own.
        """
        from reprobox.source.repo import main_top
        from reprobox.store.project import has_store

        if has_store(self.top):
            return self.top
        main = main_top(self.top)
        return main if has_store(main) or os.access(main, os.W_OK) else self.top

    @cached_property
    def runs(self) -> Runs:
        """The project's runs, in `.reprobox`."""
        from reprobox.store.project import open_project

        return open_project(self.home, shared=shared_home())

    @cached_property
    def things(self) -> ChainObjects:
        """Objects that belong to the project's runs, then the shared ones."""
        from reprobox.store.object_chain import ChainObjects
        from reprobox.store.objects import ObjectStore

        return ChainObjects(ObjectStore(self.runs.root), self.objects)

    @cached_property
    def objects(self) -> ObjectStore:
        """The user's shared objects."""
        from reprobox.store.objects import ObjectStore

        return ObjectStore(shared_home())

    @cached_property
    def engine(self) -> DockerEngine:
        """The container engine. Raises EngineUnavailable at the first call."""
        from reprobox.engine.docker import DockerEngine

        return DockerEngine(self.engine_url, self.progress)
