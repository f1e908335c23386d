"""Requirements to wheels: locks that people already have are taken as they are, everything else is
uv's to resolve.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from reprobox.errors import HashMismatch, ResolveError
from reprobox.lock import intent, resolver_uv, wheel_index
from reprobox.lock.asked import Asked, parse
from reprobox.lock.candidate import Candidate, best
from reprobox.lock.direct import Rewriter
from reprobox.lock.formats import pyproject, requirements, table
from reprobox.lock.formats.readable import as_text
from reprobox.lock.job import Job
from reprobox.model.lock import Wheel


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
    resolvable: list[str] = []
    more: list[str] = []
    for entry in entries:
        asked = parse(entry) if intent.is_file(entry, job.root) else None
        format_ = table.format_of(job.root / asked.file) if asked else None
        if asked and format_:
            with as_text(asked.file):
                found = format_.read(job.root / asked.file, job, asked)
            _merge(chosen, found, asked.file)
        else:
            resolvable.append(asked.file if asked else entry)
            more += _arguments(asked, job) if asked else []
    if resolvable:
        _merge(
            chosen, _resolved(resolvable, more, job, chosen, previous, released), "the requirements"
        )
    job.places.check_own(chosen)
    return [chosen[name] for name in sorted(chosen)]


def _resolved(
    entries: Sequence[str],
    more: Sequence[str],
    job: Job,
    chosen: Mapping[str, Candidate],
    previous: Iterable[Wheel],
    released: Iterable[str],
) -> list[Candidate]:
    """What uv chooses, places having been looked into first."""
    free = {canonicalize_name(name) for name in released}
    pins = {
        wheel.name: wheel.version
        for wheel in previous
        if canonicalize_name(wheel.name) not in free and wheel.editable is None
    }
    given = {
        name: candidate.version for name, candidate in chosen.items() if candidate.editable is None
    }
    with tempfile.TemporaryDirectory(prefix="reprobox-places-") as scratch:
        rewriter = Rewriter(
            root=job.root,
            scratch=Path(scratch),
            directory=job.places.directory,
            repository=job.places.repository,
        )
        packages = resolver_uv.compile_packages(
            [rewriter.entry(entry) for entry in entries],
            root=job.root,
            target=job.target,
            settings=job.settings,
            build=job.metadata,
            pins=pins,
            constraints=given,
            more=more,
            known=rewriter.facts,
            note=job.note,
        )
    resolved = job.select(packages, where="the requirements")
    return _with_allowed_hashes(resolved, entries, job)


def _arguments(asked: Asked, job: Job) -> list[str]:
    """The options of uv for a file besides its name; what is left out is shown."""
    path = job.root / asked.file
    if path.suffix != ".toml":
        if asked.extras or asked.groups:
            raise ResolveError(
                f"{asked.file} has neither extras nor groups",
                next_step="name the file alone",
            )
        return []
    document = pyproject.read(path)
    pyproject.check_asked(asked, document, where=asked.file)
    pyproject.check_resolvable(document, where=asked.file)
    job.left_out(asked.file, "extras", pyproject.extras(document) - set(asked.extras))
    job.left_out(asked.file, "groups", pyproject.groups(document) - set(asked.groups))
    return pyproject.arguments(asked, path)


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
