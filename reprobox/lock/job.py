"""What reading a requirement file needs, and what all readers do with the packages they find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock import selection
from reprobox.lock.candidate import Candidate
from reprobox.lock.formats.package import Package
from reprobox.lock.pip_settings import Settings
from reprobox.lock.places import Places
from reprobox.lock.sdists import Sources
from reprobox.lock.target import Target


@dataclass(frozen=True, kw_only=True)
class Job:
    """One call of `reprobox lock`."""

    root: Path
    """The config's directory."""
    target: Target
    settings: Settings
    sources: Sources
    places: Places

    @property
    def note(self) -> Callable[[str], None]:
        """Shows the user one line."""
        return self.sources.progress.note

    def metadata(self, name: str, version: str) -> tuple[str, Mapping[str, Any]]:
        """Version and metadata of a source that uv would have to build (for `resolver_uv`): of a
        version, or of a place (`file:...`, `git+...`).

        Raises: as `Sources.metadata` and `Places`.
        """
        if version.startswith("git+"):
            named = self.places.repository(version)
        elif version.startswith("file:"):
            named = self.places.directory(Path(url2pathname(urlsplit(version).path)))
        else:
            return version, self.sources.metadata(name, version)
        return named.version, named.metadata

    def select(self, packages: Iterable[Package], *, where: str) -> list[Candidate]:
        """The files to take.

        Raises:
            ResolveError: some packages have none, with the reason for each.
        """
        filled = [self.places.filled(package) for package in packages]
        build = self.sources.build
        return selection.select(filled, self.target, where=where, build=build)

    def left_out(self, where: str, what: str, names: Iterable[str]) -> None:
        """Shows which extras or groups of a file were not asked for."""
        if found := sorted(names):
            self.note(
                f"{where}: without the {what} {', '.join(found)} (ask for them by "
                f"`{{file: {where}, {what}: [...]}}`)"
            )
