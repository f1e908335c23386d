"""Requirements to wheels: locks that people already have are taken as they are, everything else is
uv's to resolve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from reprobox.errors import HashMismatch, ResolveError
from reprobox.lock import intent, resolver_uv, wheel_index
from reprobox.lock.candidate import Candidate, best
from reprobox.lock.formats import conda, poetry, pylock, requirements
from reprobox.lock.formats.pylock import Package
from reprobox.lock.pip_settings import Settings
from reprobox.lock.sdists import Sources
from reprobox.lock.target import Target
from reprobox.model.lock import Wheel


@dataclass(frozen=True, kw_only=True)
class Job:
    """What reading a requirement file needs."""

    root: Path
    target: Target
    settings: Settings
    sources: Sources

    def select(self, packages: Iterable[Package], *, where: str) -> list[Candidate]:
        """The files to take. Raises as `pylock.select`."""
        return pylock.select(packages, self.target, where=where, build=self.sources.build)


def _pylock(path: Path, job: Job) -> list[Candidate]:
    packages = pylock.parse(
        path.read_text("utf-8"), where=path.name, directory=path.parent, target=job.target
    )
    return job.select(packages, where=path.name)


def _uv_lock(path: Path, job: Job) -> list[Candidate]:
    packages = resolver_uv.export(path, target=job.target, settings=job.settings)
    return job.select(packages, where=path.name)


def _poetry(path: Path, job: Job) -> list[Candidate]:
    project = path.with_name("pyproject.toml")
    direct = poetry.direct_names(project.read_text("utf-8")) if project.is_file() else set()
    packages = poetry.parse(
        path.read_text("utf-8"), where=path.name, target=job.target, direct=direct
    )
    return job.select(packages, where=path.name)


def _conda(path: Path, job: Job) -> list[Candidate]:
    packages = conda.parse(path.read_text("utf-8"), where=path.name, python=job.target.python)
    pins = {package: (package.name, _version(package.version)) for package in packages}
    target = job.target
    found = wheel_index.find(
        pins.values(),
        root=job.root,
        target=target,
        settings=job.settings,
        accept=lambda w: best([w], target) is not None,
    )
    refused = [package for package, pin in pins.items() if pin not in found]
    if refused:
        raise conda.refusal(refused, where=path.name)
    return [wheel for pin in pins.values() if (wheel := best(found[pin], target))]


def _version(text: str) -> str:
    try:
        return str(Version(text))
    except InvalidVersion:
        return text


_Reader = Callable[[Path, Job], list[Candidate]]
_BY_NAME: dict[str, _Reader] = {"uv.lock": _uv_lock, "poetry.lock": _poetry, "pylock.toml": _pylock}


def reader_of(path: Path) -> _Reader | None:
    """How a file that is a lock already is read; None for what uv is to resolve."""
    if path.name in _BY_NAME:
        return _BY_NAME[path.name]
    if path.name.startswith("pylock.") and path.suffix == ".toml":
        return _pylock
    if path.suffix == ".txt" and conda.is_explicit(path.read_text("utf-8", "replace")):
        return _conda
    return None


def choose(
    entries: Sequence[str],
    job: Job,
    *,
    previous: Iterable[Wheel],
    released: Iterable[str],
) -> list[Candidate]:
    """The files of an environment, by name: wheels, and source distributions to build.

    Args:
        entries: `requirements` of the config.
        previous: wheels of the last lock, preferred.
        released: names that are to be upgraded.

    Raises:
        ResolveError: nothing satisfies them, or something has no wheel.
        FetchError: an index could not be asked.
        HashMismatch: a requirement's own hashes allow no wheel that is on offer.
    """
    chosen: dict[str, Candidate] = {}
    resolvable = []
    for entry in entries:
        reader = reader_of(job.root / entry) if intent.is_file(entry, job.root) else None
        if reader is None:
            resolvable.append(entry)
        else:
            _merge(chosen, reader(job.root / entry, job), entry)
    if resolvable:
        free = {canonicalize_name(name) for name in released}
        pins = {
            wheel.name: wheel.version
            for wheel in previous
            if canonicalize_name(wheel.name) not in free
        }
        given = {name: candidate.version for name, candidate in chosen.items()}
        packages = resolver_uv.compile_packages(
            resolvable,
            root=job.root,
            target=job.target,
            settings=job.settings,
            build=job.sources.metadata,
            pins=pins,
            constraints=given,
        )
        resolved = job.select(packages, where="the requirements")
        _merge(chosen, _with_allowed_hashes(resolved, resolvable, job), "the requirements")
    return [chosen[name] for name in sorted(chosen)]


def _merge(chosen: dict[str, Candidate], more: Iterable[Candidate], where: str) -> None:
    for candidate in more:
        other = chosen.setdefault(candidate.name, candidate)
        if other.version != candidate.version:
            raise ResolveError(
                f"{where} asks for {candidate.name} {candidate.version}, another requirement file "
                f"for {other.version}",
                next_step="make the files agree, or name only one of them",
            )


def _with_allowed_hashes(
    resolved: list[Candidate], entries: Sequence[str], job: Job
) -> list[Candidate]:
    """uv resolves by version; where a line has hashes, the wheel must have one of them."""
    allowed = _allowed(entries, job.root)
    wrong = [
        wheel
        for wheel in resolved
        if wheel.name in allowed and wheel.digest not in allowed[wheel.name]
    ]
    if not wrong:
        return resolved
    pins = [(wheel.name, wheel.version) for wheel in wrong]
    found = wheel_index.find(
        pins,
        root=job.root,
        target=job.target,
        settings=job.settings,
        accept=lambda wheel: wheel.digest in allowed[wheel.name],
    )
    instead = {name: best(wheels, job.target) or wheels[0] for (name, _), wheels in found.items()}
    refused = [wheel for wheel in wrong if wheel.name not in instead]
    if refused:
        raise HashMismatch(
            f"{len(refused)} package(s) have no wheel with a hash that the requirements allow",
            why="\n".join(
                f"{wheel.name} {wheel.version}: on offer is {wheel.filename} with {wheel.digest}"
                for wheel in refused
            ),
            next_step="find out why the index has other bytes; if they are right, write the new "
            "hash into the requirements file",
        )
    return [instead.get(wheel.name, wheel) for wheel in resolved]


def _allowed(entries: Sequence[str], root: Path) -> Mapping[str, frozenset[str]]:
    allowed: dict[str, frozenset[str]] = {}
    for entry in entries:
        path = root / entry
        if not path.is_file() or path.suffix == ".toml":
            continue
        text = path.read_text("utf-8", "surrogateescape")
        nested = [(Path(entry).parent / name).as_posix() for name in requirements.includes(text)]
        for source in (requirements.allowed_hashes(text), _allowed(nested, root)):
            allowed |= {
                name: allowed.get(name, frozenset()) | hashes for name, hashes in source.items()
            }
    return allowed
