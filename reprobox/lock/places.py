"""Projects that requirements name by their place: what they are called, and the file to take."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from reprobox.errors import ResolveError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.tar import EPOCH_1980
from reprobox.lock import git_source, own_code, sdist_file
from reprobox.lock.candidate import Candidate
from reprobox.lock.direct import Named
from reprobox.lock.formats import pyproject
from reprobox.lock.formats.package import Package, Repository
from reprobox.lock.own_code import Project
from reprobox.lock.sdists import Sources

_SOURCE = frozenset(
    {".py", ".toml", ".cfg", ".in", ".txt", ".md", ".rst", ".json", ".yaml", ".yml", ".pyi"}
    | {".c", ".h", ".cc", ".cpp", ".hpp", ".pyx", ".pxd", ""}
)
"""What a build backend may look at for a project's metadata."""
_BIGGEST = 1_000_000
_SKIPPED = frozenset({"node_modules", "__pycache__", "build", "dist", "venv", "env"})


@dataclass(kw_only=True)
class Places:
    """Looks into the places of one lock."""

    root: Path
    """The config's directory."""
    place: str | None
    """That directory relative to the top of the repository; None outside of any."""
    sources: Sources
    _projects: dict[Path, Project] = field(default_factory=dict)
    _trees: dict[str, tuple[Candidate, Named]] = field(default_factory=dict)

    def directory(self, folder: Path) -> Named:
        """The project in a directory of the repository. Raises ResolveError, BuildError."""
        self._within(folder)
        project = self._project(folder)
        return Named(
            name=project.name,
            version=project.version,
            metadata=project.metadata(),
            url=folder.as_uri(),
        )

    def repository(self, url: str) -> Named:
        """The project of a commit. Raises FetchError, BuildError."""
        if url not in self._trees:
            asked = git_source.parse(url)
            name = re.sub(r"\.git$|[^A-Za-z0-9._-]", "", asked.url.rstrip("/").rpartition("/")[2])
            found = git_source.fetch(
                canonicalize_name(name) or "project",
                "0",
                asked,
                objects=self.sources.objects,
                progress=self.sources.progress,
            )
            wheel = self.sources.wheel(found)
            metadata = sdist_file.wheel_metadata(self.sources.objects.path(wheel.sha256))
            inside = f"#subdirectory={asked.subdirectory}" if asked.subdirectory else ""
            named = Named(
                name=wheel.name,
                version=wheel.version,
                metadata=dict(metadata),
                url=f"git+{asked.url}@{found.commit}{inside}",
            )
            self._trees[url] = replace(found, name=wheel.name, version=wheel.version), named
        return self._trees[url][1]

    def filled(self, package: Package) -> Package:
        """A package with the file that its directory or repository gives."""
        if not package.applies:
            return package
        if package.directory is not None:
            return replace(package, wheels=(self._editable(package.directory.resolve()),))
        if package.repository is not None:
            return replace(package, source=self._tree(package, package.repository))
        return package

    def _tree(self, package: Package, repository: Repository) -> Candidate:
        for candidate, _ in self._trees.values():
            if (candidate.commit, candidate.name) == (repository.commit, package.name):
                return candidate
        return git_source.fetch(
            package.name,
            package.version or "0",
            repository,
            objects=self.sources.objects,
            progress=self.sources.progress,
        )

    def _editable(self, folder: Path) -> Candidate:
        place = self._within(folder)
        project = self._project(folder)
        self.sources.progress.note(
            f"{project.name}: a run sees the code of its commit, from "
            f"{os.path.normpath(os.path.join(place, project.source))}"
        )
        return own_code.editable(project, place, self.sources.objects)

    def _within(self, folder: Path) -> str:
        """A directory relative to the top of the repository.

        Raises:
            ResolveError: it is not in the repository.
        """
        if self.place is not None:
            place = os.path.normpath(os.path.join(self.place, os.path.relpath(folder, self.root)))
            if not place.startswith(".."):
                return "" if place == "." else place
        raise ResolveError(
            f"{folder} is not in the repository",
            why="A run sees the code of its commit, so a project must be part of one.",
            next_step="take it into the repository (as a submodule, for example), or build a wheel "
            "of it and name its directory in pip's find-links",
        )

    def _project(self, folder: Path) -> Project:
        if folder not in self._projects:
            self._projects[folder] = own_code.read(folder) or self._built(folder)
        return self._projects[folder]

    def _built(self, folder: Path) -> Project:
        """A project that only its build backend knows: built in the container, for its metadata."""
        objects = self.sources.objects
        buffer = io.BytesIO()
        more = {git_source.ARCHIVAL: git_source.archival("0" * 40, "")}
        own = more if git_source.reads_git(folder) else {}
        git_source.pack(folder, "project", _files(folder), EPOCH_1980, buffer, own)
        candidate = Candidate(
            name=canonicalize_name(folder.name) or "project",
            version="0",
            filename=f"{folder.name}.tar",
            digest=objects.put_bytes(buffer.getvalue()),
            commit="",
        )
        wheel = self.sources.wheel(candidate)
        path = objects.path(wheel.sha256)
        source = own_code.source_of(folder, pyproject.read(folder / "pyproject.toml"))
        return own_code.of_wheel(path, wheel.version, sdist_file.wheel_metadata(path), source)

    def check_own(self, chosen: dict[str, Candidate]) -> None:
        """Raises ResolveError where an index's package has the name of the repository's project."""
        if self.place is None:
            return
        depth = 0 if self.place in ("", ".") else self.place.count("/") + 1
        top = self.root.joinpath(*[".."] * depth).resolve()
        for name in sorted(own_code.names(self.root, top) & chosen.keys()):
            if chosen[name].editable is None:
                raise ResolveError(
                    f"{name} is the project of this repository, and would be taken from "
                    f"{chosen[name].filename}",
                    why="Every run would see that copy, whatever its commit has.",
                    next_step="write `-e .` in its place (or the project's directory): then a run "
                    "sees the code of its commit",
                )


def _files(folder: Path) -> Iterator[Path]:
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in _SKIPPED and not name.startswith(".")
        )
        for name in sorted(names):
            path = Path(base, name)
            if path.suffix in _SOURCE and path.is_file() and path.stat().st_size < _BIGGEST:
                yield path
