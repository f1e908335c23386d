"""Source distributions: each is built once into a wheel, and the lock names that wheel by its hash,
with the source and the build environment that it was made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from reprobox.errors import BuildError, HashMismatch, ResolveError
from reprobox.kit.canon import digest_of, hex_of
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock import resolver_uv, sdist_file, selection, wheel_index
from reprobox.lock.candidate import Candidate, best, offered
from reprobox.lock.pip_settings import Settings
from reprobox.lock.target import Target
from reprobox.model import codec
from reprobox.model.lock import Built, Lock, Made, Sdist, Wheel
from reprobox.model.ports import Objects, Progress, WheelMaker

_ATTEMPTS = 3
"""A backend asks for its requirements once (PEP 517); a second time may follow from the first."""


@dataclass(kw_only=True)
class Sources:
    """Builds source distributions for one lock, each once."""

    root: Path
    target: Target
    settings: Settings
    objects: Objects
    progress: Progress
    system: Lock
    """Base, Debian packages and interpreter to build on; no wheels."""
    maker: WheelMaker | None
    build: bool = True
    """Whether sources are built at all (`build` of the config)."""
    known: Mapping[str, Wheel] = field(default_factory=dict)
    """Digest of a source to the wheel that the previous lock has of it."""
    _made: dict[str, Wheel] = field(default_factory=dict)
    _making: list[str] = field(default_factory=list)

    def metadata(self, name: str, version: str) -> Mapping[str, Any]:
        """What a source distribution says of itself once it is built (for `resolver_uv`).

        Raises:
            ResolveError: nothing is to be built, or no index has its source.
            BuildError: it cannot be built.
        """
        pin = (str(canonicalize_name(name)), version)
        if not self.build:
            raise ResolveError(
                f"{pin[0]} {version} comes as source only (sdist), and the config says `build: no`",
                next_step=selection.build_once([f"{pin[0]}=={version}"]),
            )
        found = wheel_index.find(
            [pin],
            root=self.root,
            target=self.target,
            settings=self.settings,
            accept=lambda offer: not offer.is_wheel,
        )
        if pin not in found:
            raise ResolveError(
                f"no index has the source of {pin[0]} {version} with its sha256",
                next_step="ask for another version",
            )
        return sdist_file.wheel_metadata(self.objects.path(self.wheel(found[pin][0]).sha256))

    def wheels(self, candidates: Sequence[Candidate]) -> list[Wheel]:
        """Fetched wheels, and wheels made of fetched sources, in the same order.

        Raises:
            FetchError, HashMismatch: a file could not be had.
            BuildError: a source cannot be built.
        """
        wheel_index.fetch(
            [one for one in candidates if self._previous(one) is None],
            root=self.root,
            target=self.target,
            settings=self.settings,
            objects=self.objects,
            progress=self.progress,
        )
        return [
            _taken(one, self.objects) if one.is_wheel else self.wheel(one) for one in candidates
        ]

    def _previous(self, source: Candidate) -> Wheel | None:
        known = self._made.get(source.digest) or self.known.get(source.digest)
        return known if known is not None and self.objects.has(known.sha256) else None

    def wheel(self, source: Candidate) -> Wheel:
        """The wheel of a source distribution; that of the previous lock, where it has one.

        Raises: as `wheels`.
        """
        if known := self._previous(source):
            return known
        if source.digest in self._making:
            raise BuildError(
                f"{source.filename} is needed to build itself",
                why=" needs ".join([*self._names(), source.filename]),
                next_step="ask for versions that have a wheel",
            )
        self._making.append(source.digest)
        try:
            self._made[source.digest] = self._new(source)
        finally:
            self._making.pop()
        return self._made[source.digest]

    def _names(self) -> list[str]:
        return [hex_of(digest)[:12] for digest in self._making]

    def _new(self, source: Candidate) -> Wheel:
        self.fetch([source])
        path = self.objects.path(source.digest)
        sdist = Sdist(
            filename=source.filename,
            sha256=source.digest,
            size=path.stat().st_size,
            commit=source.commit or None,
            subdirectory=source.subdirectory,
        )
        looked = sdist_file.read(sdist, path)
        given: tuple[str, ...] = ()
        for _ in range(_ATTEMPTS):
            requires = self._environment([*looked.requires, *given])
            made = self._make(sdist, looked, requires, given)
            if not made.needs:
                return self._checked(source, sdist, requires, made)
            given = (*given, *made.needs)
        raise BuildError(
            f"{source.filename} asks for ever more to be built",
            why="\n".join(given),
            next_step="ask for a version that has a wheel",
        )

    def fetch(self, candidates: Sequence[Candidate]) -> None:
        """Brings files into the store. Raises FetchError, HashMismatch."""
        wheel_index.fetch(
            candidates,
            root=self.root,
            target=self.target,
            settings=self.settings,
            objects=self.objects,
            progress=self.progress,
        )

    def _environment(self, requirements: Sequence[str]) -> tuple[Wheel, ...]:
        """The wheels of a build environment, by name."""
        if not requirements:
            return ()
        packages = resolver_uv.compile_packages(
            requirements,
            root=self.root,
            target=self.target,
            settings=self.settings,
            build=lambda name, version: (version, self.metadata(name, version)),
        )
        chosen = selection.select(packages, self.target, where="a build environment")
        return tuple(sorted(self.wheels(chosen), key=lambda wheel: wheel.name))

    def _make(
        self,
        sdist: Sdist,
        looked: sdist_file.Source,
        requires: tuple[Wheel, ...],
        given: tuple[str, ...],
    ) -> Made:
        if self.maker is None:
            raise BuildError(
                f"{sdist.filename} must be built into a wheel, and there is no container engine",
                next_step="start Docker, then lock again",
            )
        system = replace(self.system, wheels=requires)
        key = _key(sdist, looked, system, given)
        known = self.objects.memo(key)
        if isinstance(known, dict):
            made = codec.from_json(Made, known, where="a remembered build")
            if made.needs or self.objects.has(made.sha256):
                return made
        made = self.maker(sdist, looked.build, system, given)
        self.objects.remember(key, codec.to_json(made))
        return made

    def _checked(
        self, source: Candidate, sdist: Sdist, requires: tuple[Wheel, ...], made: Made
    ) -> Wheel:
        found = offered(None, made.filename, hex_of(made.sha256))
        # The name of a repository is not always that of its project.
        known = source.commit is None
        if (
            found is None
            or (known and found.name != source.name)
            or best([found], self.target) is None
        ):
            raise BuildError(
                f"{sdist.filename} was built into {made.filename}, which does not fit",
                why=f"Wanted: a wheel of {source.name} for CPython {self.target.python} on Linux.",
                next_step="ask for another version",
            )
        if not made.repeats:
            self.progress.note(
                f"{sdist.filename} gave different bytes when it was built twice; the lock names "
                "the first wheel, so keep the store or push it"
            )
        return Wheel(
            name=found.name,
            version=found.version,
            filename=made.filename,
            sha256=made.sha256,
            size=made.size,
            built=Built(sdist=sdist, requires=requires, repeats=made.repeats),
        )

    def again(self, wheel: Wheel) -> None:
        """Puts a built wheel that is absent back into the store, by building it again.

        Raises:
            HashMismatch: the build gave other bytes than the lock names.
            FetchError, BuildError: what it is made of cannot be had, or not be built.
        """
        built = wheel.built
        if built is None or self.objects.has(wheel.sha256):
            return
        for needed in built.requires:
            self.again(needed)
        parts = [_wanted(one) for one in built.requires if one.built is None]
        self.fetch([*parts, _source_of(wheel, built.sdist)])
        looked = sdist_file.read(built.sdist, self.objects.path(built.sdist.sha256))
        given: tuple[str, ...] = ()
        made = self._make(built.sdist, looked, built.requires, given)
        while made.needs and len(given) < len(given + made.needs) <= 100:
            given += made.needs
            made = self._make(built.sdist, looked, built.requires, given)
        if made.sha256 != wheel.sha256:
            raise HashMismatch(
                f"{built.sdist.filename} was built again, and gave other bytes than the lock names",
                why=f"expected {wheel.sha256}, found {made.sha256}",
                next_step="pull the wheel from a store that has it (`reprobox pull --from "
                "PLACE`), or make a new lock with `reprobox lock --upgrade`",
            )


def _key(sdist: Sdist, looked: sdist_file.Source, system: Lock, given: tuple[str, ...]) -> str:
    base = [*system.base.diff_ids, *sorted(one.sha256 for one in system.base.packages)]
    facts = [
        *(sdist.sha256, sdist.subdirectory, codec.to_json(looked.build), list(given)),
        *(base, sorted(one.sha256 for one in system.debs), codec.to_json(system.python)),
        sorted(one.sha256 for one in system.wheels),
    ]
    return f"lock/wheel/1/{hex_of(digest_of(facts))}"


def _taken(candidate: Candidate, objects: Objects) -> Wheel:
    return Wheel(
        name=candidate.name,
        version=candidate.version,
        filename=candidate.filename,
        sha256=candidate.digest,
        size=objects.path(candidate.digest).stat().st_size,
        editable=candidate.editable,
    )


def _wanted(wheel: Wheel) -> Candidate:
    return Candidate(
        name=wheel.name,
        version=wheel.version,
        filename=wheel.filename,
        digest=wheel.sha256,
        size=wheel.size,
    )


def _source_of(wheel: Wheel, sdist: Sdist) -> Candidate:
    return Candidate(
        name=wheel.name,
        version=wheel.version,
        filename=sdist.filename,
        digest=sdist.sha256,
        size=sdist.size,
        commit=sdist.commit,
        subdirectory=sdist.subdirectory,
    )


def built_before(previous: Lock | None, system: Lock) -> dict[str, Wheel]:
    """What the previous lock built on the same system, by the digest of its source."""
    if previous is None or (previous.base, previous.debs, previous.python) != (
        system.base,
        system.debs,
        system.python,
    ):
        return {}
    return {wheel.built.sdist.sha256: wheel for wheel in previous.wheels if wheel.built}
