"""Where a config file is, and what the paths in it are relative to."""

from __future__ import annotations

import posixpath

from reprobox.config import grammar
from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Place:
    """`config_path` is relative to the top of the repository; so is every path that comes out."""

    config_path: str

    @property
    def directory(self) -> str:
        return posixpath.dirname(self.config_path)

    def lock(self, path: str) -> str:
        return grammar.within(
            path,
            self.directory,
            "the lock is committed with the code, so name a place in the repository",
        )

    def workdir(self, path: str) -> str:
        return grammar.within(
            path, self.directory, "only what is in the commit can run, so name a directory of it"
        )

    def both(self, path: str) -> str:
        """An input that is named once: it has the same place on the host and in the run."""
        grammar.plain(path)
        if path.startswith("~"):
            raise ValueError(f"{path!r} is a place on this host; write PATH_IN_RUN: {path}")
        if path.startswith("/"):
            return posixpath.normpath(path)
        name = posixpath.basename(posixpath.normpath(path)).strip(".") or "data"
        return grammar.within(
            path,
            self.directory,
            f"say where the run sees it, too, as in `inputs: {{{name}: {path}}}`",
        )

    def host(self, path: str) -> str:
        if path.startswith(("/", "~")):
            return path
        return posixpath.normpath(posixpath.join(self.directory, path))
