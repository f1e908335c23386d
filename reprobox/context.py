"""What every command works with, opened once by the CLI (or by a test) and passed in."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reprobox.kit.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from reprobox.engine.engine import Engine
    from reprobox.model.ports import Progress
    from reprobox.source.repo import Repo
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
    """The effects. Each is opened when it is first needed, so that a command pays only for what it
    uses, and once, so that nothing is asked twice.
    """

    start: Path
    progress: Progress
    clock: Callable[[], float] = time.time
    argv: tuple[str, ...] = ()
    engine_url: str | None = None
    soon: list[str] = field(default_factory=list, repr=False)
    """Names of modules that the command needs when its container runs; they are imported while the
    engine starts it.
    """
    making: dict[str, ExitStack] = field(default_factory=dict, repr=False)
    """Runs that this process is making; see executor/journal.py."""
    _top: Path | None = field(default=None, repr=False)
    _repos: dict[Path, Repo] = field(default_factory=dict, repr=False)

    @cached_property
    def top(self) -> Path:
        """Top of the repository around `start`. Raises NotARepository."""
        if self._top is not None:
            return self._top
        from reprobox.source.repo import find_repo

        top, repo = find_repo(self.start)
        self._repos[top] = repo
        return top

    @property
    def repo(self) -> Repo:
        """The repository around `start`. Raises NotARepository."""
        return self.repo_at(self.top)

    def repo_at(self, place: Path) -> Repo:
        """The repository at a place, opened once. Raises SourceError as `open_repo`."""
        if place not in self._repos:
            from reprobox.source.repo import open_repo

            self._repos[place] = open_repo(place)
        return self._repos[place]

    @cached_property
    def home(self) -> Path:
        """Where the project's store is: at the top of the main work tree, because a linked one is
        made to be removed, and git then removes what is ignored in it without a word. A store that
        a linked one has already stays its own.
        """
        from reprobox.store.project import has_store

        if has_store(self.top) or not (self.top / ".git").is_file():
            return self.top
        from reprobox.source.repo import main_top_of

        main = main_top_of(self.top, self.repo)
        return main if has_store(main) or os.access(main, os.W_OK) else self.top

    @cached_property
    def runs(self) -> Runs:
        """The project's runs, in `.reprobox`."""
        from reprobox.store.project import open_project

        return open_project(self.home, shared=shared_home())

    @cached_property
    def all_objects(self) -> ChainObjects:
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
    def engine(self) -> Engine:
        """The container engine. Raises EngineUnavailable at the first call."""
        from reprobox.engine import engines

        return engines.connect(self.engine_url, self.progress)
