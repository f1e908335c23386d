"""The commit's own projects: what a run sees is the code of its commit, as an editable install has
it, and never a copy that a lock froze.

In the lock is a wheel of a few lines: a `.pth` file that names the source directory in the run's
work tree, the project's metadata, and its entry points.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from reprobox.errors import ResolveError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.lock.candidate import Candidate
from reprobox.lock.formats import pyproject
from reprobox.model.ports import Objects
from reprobox.model.runspec import WORK

_UNKNOWN = "0"
"""The version of a project that only its build backend knows: no run's numbers depend on it."""
_TIME = (1980, 1, 1, 0, 0, 0)
_SETUP_NAME = regex(r"""\bname\s*=\s*["']([A-Za-z0-9._-]+)["']""")


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project in the work tree."""

    name: str
    """Normalised."""
    version: str
    requires: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]]
    entry_points: Mapping[str, Mapping[str, str]]
    source: str
    """The directory that is on the path, relative to the project's."""

    def metadata(self) -> dict[str, Any]:
        """For `uv_config.with_metadata`."""
        more = [_with_extra(row, extra) for extra, rows in self.extras.items() for row in rows]
        return {"requires-dist": [*self.requires, *more], "provides-extra": list(self.extras)}


def _with_extra(row: str, extra: str) -> str:
    bare, sign, marker = row.partition(";")
    inside = f"({marker.strip()}) and " if sign else ""
    return f"{bare.strip()} ; {inside}extra == '{extra}'"


def read(folder: Path) -> Project | None:
    """A project whose metadata is static; None where only its build backend knows it.

    Raises:
        ResolveError: there is no project.
    """
    document = pyproject.read(folder / "pyproject.toml")
    project = pyproject.table(document, "project")
    if project.get("name") and "dependencies" not in project.get("dynamic", []):
        return _of_table(project, source_of(folder, document))
    if not any((folder / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
        raise ResolveError(
            f"{folder} is not a Python project",
            why="It has neither pyproject.toml nor setup.py nor setup.cfg.",
            next_step="name a project's directory, or take the line out",
        )
    return None


def _of_table(project: dict[str, Any], source: str) -> Project:
    points = {str(group): dict(rows) for group, rows in project.get("entry-points", {}).items()}
    for key, group in (("scripts", "console_scripts"), ("gui-scripts", "gui_scripts")):
        if project.get(key):
            points[group] = dict(project[key])
    return Project(
        name=canonicalize_name(str(project["name"])),
        version=_version(project.get("version")),
        requires=tuple(project.get("dependencies", ())),
        extras={
            name: tuple(rows) for name, rows in project.get("optional-dependencies", {}).items()
        },
        entry_points=points,
        source=source,
    )


def _version(text: Any) -> str:
    try:
        return str(Version(str(text)))
    except InvalidVersion:
        return _UNKNOWN


def of_wheel(path: Path, version: str, metadata: Mapping[str, Any], source: str) -> Project:
    """A project whose wheel was built for its metadata."""
    with zipfile.ZipFile(path) as archive:
        info = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(info).decode("utf-8", "replace")
        points = info.replace("METADATA", "entry_points.txt")
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        if points in archive.namelist():
            parser.read_string(archive.read(points).decode("utf-8"))
    (name,) = re.findall(r"^Name: *(\S+)", text, re.MULTILINE)[:1]
    return Project(
        name=canonicalize_name(name),
        version=version,
        requires=tuple(metadata["requires-dist"]),
        extras={},
        entry_points={group: dict(parser[group]) for group in parser.sections()},
        source=source,
    )


def source_of(folder: Path, document: dict[str, Any]) -> str:
    """The directory that an editable install puts on the path."""
    for found in _declared(folder, document):
        if (folder / found).is_dir():
            return posixpath.normpath(found)
    source = folder / "src"
    return "src" if source.is_dir() and any(source.glob("*/*.py")) else "."


def _declared(folder: Path, document: dict[str, Any]) -> Iterator[str]:
    tool = pyproject.table(document, "tool")
    setuptools = pyproject.table(tool, "setuptools")
    yield from _texts(pyproject.table(setuptools, "package-dir").get(""))
    yield from _texts(pyproject.table(setuptools, "packages", "find").get("where"))
    for one in pyproject.table(tool, "poetry").get("packages", []):
        yield from _texts(one.get("from"))
    hatch = pyproject.table(tool, "hatch", "build", "targets", "wheel")
    for one in _texts(hatch.get("packages")):
        yield posixpath.dirname(one) or "."
    yield from _texts(pyproject.table(tool, "pdm", "build").get("package-dir"))
    yield from _texts(pyproject.table(tool, "uv", "build-backend").get("module-root"))
    yield from _texts(pyproject.table(tool, "maturin").get("python-source"))
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read(folder / "setup.cfg", encoding="utf-8")
    except configparser.Error:
        return
    yield from _texts(config.get("options.packages.find", "where", fallback=None))
    rows = config.get("options", "package_dir", fallback="").split()
    if rows[:1] == ["="]:
        yield from rows[1:2]


def _texts(value: Any) -> list[str]:
    many = value if isinstance(value, list) else [value]
    return [one.strip() for one in many if isinstance(one, str) and one.strip()]


def names(*folders: Path) -> set[str]:
    """The names of the projects in some directories, as far as their files say them."""
    found = set()
    for folder in folders:
        document = pyproject.read(folder / "pyproject.toml")
        found |= {
            str(pyproject.table(document, *keys).get("name", ""))
            for keys in (("project",), ("tool", "poetry"))
        }
        for file in ("setup.cfg", "setup.py"):
            try:
                found |= set(_SETUP_NAME.findall(_quoted(folder / file)))
            except OSError:
                continue
    return {canonicalize_name(name) for name in found if name}


def _quoted(path: Path) -> str:
    """The text of setup.py, or of setup.cfg with the project's name in quotes."""
    text = path.read_text("utf-8", "replace")
    if path.suffix == ".py":
        return text
    return re.sub(r"^name\s*=\s*(\S+)\s*$", r'name = "\1"', text, flags=re.MULTILINE)


def editable(project: Project, place: str, objects: Objects) -> Candidate:
    """The wheel that puts a project's source on the path of a run.

    Args:
        place: the project's directory, relative to the top of the repository.
    """
    name = re.sub(r"[-_.]+", "_", project.name)
    info = f"{name}-{project.version}.dist-info"
    path = posixpath.normpath(posixpath.join(WORK, place, project.source))
    rows = [f"Requires-Dist: {row}" for row in project.metadata()["requires-dist"]]
    rows += [f"Provides-Extra: {extra}" for extra in project.extras]
    head = f"Metadata-Version: 2.1\nName: {project.name}\nVersion: {project.version}\n"
    files = {
        f"__editable__.{name}-{project.version}.pth": path + "\n",
        f"{info}/METADATA": head + "".join(f"{row}\n" for row in rows),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: reprobox\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    points = "\n".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in sorted(rows.items()))
        for group, rows in sorted(project.entry_points.items())
    )
    if points:
        files[f"{info}/entry_points.txt"] = points
    data = _zipped(files, info)
    return Candidate(
        name=project.name,
        version=project.version,
        filename=f"{name}-{project.version}-0.editable-py3-none-any.whl",
        digest=objects.put_bytes(data),
        size=len(data),
        editable=place,
    )


def _zipped(files: dict[str, str], info: str) -> bytes:
    record = [
        f"{path},sha256={_hash(text.encode())},{len(text.encode())}" for path, text in files.items()
    ]
    files = {**files, f"{info}/RECORD": "\n".join([*record, f"{info}/RECORD,,", ""])}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            member = zipfile.ZipInfo(path, _TIME)
            member.external_attr = 0o100644 << 16
            archive.writestr(member, text.encode())
    return buffer.getvalue()


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
