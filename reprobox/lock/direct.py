"""Requirements that name a place and no package: `-e .`, `./libs/mylib`, `git+URL`.

uv would run their code to learn their names. So they are looked into here, and uv is given the name
with the place (PEP 508), and the metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.lock.formats import requirements

_EDITABLE = regex(r"(?:-e|--editable)(?:\s+|\s*=\s*)(?P<place>.+)$")
_PLACE = regex(r"(?P<path>[^\[\]]+?)(?P<extras>\[[^\]]*\])?")
Facts = dict[tuple[str, str], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a place holds."""

    name: str
    version: str
    metadata: dict[str, Any]
    url: str
    """`file:///...` or `git+URL@commit`."""


@dataclass(kw_only=True)
class Rewriter:
    """Gives requirement files in which every place has a name."""

    root: Path
    scratch: Path
    directory: Callable[[Path], Named]
    repository: Callable[[str], Named]
    facts: Facts = field(default_factory=dict)
    _count: int = 0

    def entry(self, entry: str) -> str:
        """An entry of the config, or the file that stands for it."""
        path = self.root / entry
        if path.is_file() and path.suffix in (".txt", ".in", ".pip"):
            return str(self._file(path)) if has_places(path) else entry
        return self._line(entry, self.root)

    def _file(self, path: Path) -> Path:
        lines = [
            self._line(line, path.parent)
            for line in requirements.logical_lines(path.read_text("utf-8", "surrogateescape"))
        ]
        self._count += 1
        made = self.scratch / f"{self._count}-{path.stem}.txt"
        made.write_text("\n".join(lines) + "\n", "utf-8", "surrogateescape")
        return made

    def _line(self, line: str, base_dir: Path) -> str:
        for included in requirements.includes(line):
            inner = base_dir / included
            flag = "-c" if line.startswith(("-c", "--c")) else "-r"
            return f"{flag} {self._file(inner) if has_places(inner) else inner}"
        place = place_of(line, base_dir)
        if place is None:
            return line
        found, extras = place
        named = self.repository(found) if isinstance(found, str) else self.directory(found)
        self.facts[(named.name, named.version)] = named.metadata
        marker = line.partition(" ;")
        return f"{named.name}{extras} @ {named.url}" + (f" ;{marker[2]}" if marker[1] else "")


def place_of(line: str, base_dir: Path) -> tuple[Path | str, str] | None:
    """The directory, or the `git+URL`, of a line that names one without a package, and the extras
    wanted of it; None for every other line.
    """
    editable = _EDITABLE.match(line)
    text = (editable["place"] if editable else line).partition(" ;")[0].strip().strip("\"'")
    if text.startswith("git+"):
        return text, ""
    match = _PLACE.fullmatch(text)
    if match is None or not (editable or text.startswith((".", "/", "file:"))):
        return None
    path = match["path"]
    if path.startswith("file:"):
        path = unquote(urlsplit(path).path)
    folder = (base_dir / path).resolve()
    return (folder, match["extras"] or "") if folder.is_dir() else None


def has_places(path: Path) -> bool:
    """Whether a requirements file, or one that it includes, names a place."""
    return any(True for _ in places(path))


def places(path: Path) -> Iterator[Path | str]:
    """The places that a requirements file names, and those of the files that it includes."""
    if not path.is_file():
        return
    for line in requirements.logical_lines(path.read_text("utf-8", "surrogateescape")):
        for included in requirements.includes(line):
            yield from places(path.parent / included)
        if (found := place_of(line, path.parent)) is not None:
            yield found[0]
