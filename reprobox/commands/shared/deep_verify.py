"""verify --deep: everything that a run stands on, hashed again: code, image layers as the engine
has them, objects, inputs.

An engine does not check its own layers: a file that was edited beneath it runs as it is, under the
unchanged image ID. What it gives back of the image (`save`) is hashed here, so that such an edit
shows.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from reprobox.commands.shared.object_proxies import NoMemo
from reprobox.context import Context
from reprobox.data import pins
from reprobox.errors import EngineError, EngineUnavailable, FetchError, ReproboxError
from reprobox.executor.commits import holder
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.units import counted
from reprobox.lock import image_archive
from reprobox.model.image import Image
from reprobox.model.ports import Objects
from reprobox.model.record import Record
from reprobox.model.runspec import InputPin
from reprobox.source.reread import reread
from reprobox.store import integrity

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was hashed, what of it is not what it was, and what could not be hashed."""

    checked: str
    damage: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


@dataclass
class Deep:
    """Checks runs; what several of them share is read once."""

    context: Context
    _images: dict[str, Found] = field(default_factory=dict)
    _objects: dict[str, bool | None] = field(default_factory=dict)
    _commits: dict[str, Found] = field(default_factory=dict)

    def verify(self, record: Record) -> list[Found]:
        """All checks of one run."""
        image = record.intent.image
        if image.config not in self._images:
            self._images[image.config] = self._image(image)
        return [
            self._chain(record),
            self.code(record.intent.source.commit),
            self._images[image.config],
            self._kept(record),
            *map(self._input, self._loose(record)),
        ]

    @cached_property
    def _log(self) -> integrity.Log:
        return integrity.read_log(self.context.runs)

    def _chain(self, record: Record) -> Found:
        why = integrity.vouched(self.context.runs, record.id, self._log)
        return Found(checked="record log", damage=(f"record log: {why}",) if why else ())

    def code(self, commit: str) -> Found:
        """The files of a commit, wherever it is."""
        if commit not in self._commits:
            with self.context.progress.task("reading the commit again") as bar:
                read = reread(holder(self.context, commit), commit, bar.update)
            damage = tuple(f"commit {commit}: {fault}" for fault in read.damage)
            self._commits[commit] = Found(
                checked=f"{counted(read.files, 'file')} of the commit", damage=damage
            )
        return self._commits[commit]

    def _image(self, image: Image) -> Found:
        what = counted(len(image.diff_ids), "layer")
        try:
            there = self.context.engine.inspect(image.tag) or self.context.engine.inspect(
                image.config
            )
            if there is None:
                return Found(
                    checked=what,
                    unchecked=(
                        f"image {image.tag}: the engine does not have it; a replay restores it",
                    ),
                )
            with self.context.progress.task("reading the image as the engine has it") as bar:
                found = set(_digests(self.context.engine.save(there.id), bar.update))
        except EngineUnavailable as error:
            return Found(checked=what, unchecked=(f"image {image.tag}: {error.what}",))
        except (EngineError, tarfile.TarError, EOFError, OSError) as error:
            return Found(
                checked=what,
                damage=(f"image {image.tag}: the engine cannot give it back as it was: {error}",),
            )
        wrong = [
            f"layer {number} {layer}"
            for number, layer in enumerate(image.diff_ids, start=1)
            if layer not in found
        ]
        wrong += [] if image.config in found else [f"config {image.config}"]
        return Found(
            checked=what,
            damage=tuple(f"image {image.tag}: {part} is not what was recorded" for part in wrong),
        )

    def _kept(self, record: Record) -> Found:
        names = list(dict.fromkeys(_needed(record, self.context.all_objects)))
        states = {name: self._state(digest) for name, digest in names}
        return Found(
            checked=counted(len(names), "object"),
            damage=tuple(
                f"object {name}: its bytes are not what was written"
                for name, state in states.items()
                if state is False
            ),
            unchecked=tuple(
                f"object {name}: not in the store"
                for name, state in states.items()
                if state is None
            ),
        )

    def _state(self, digest: str) -> bool | None:
        if digest not in self._objects:
            objects = self.context.all_objects
            self._objects[digest] = objects.verify(digest) if objects.has(digest) else None
        return self._objects[digest]

    def _loose(self, record: Record) -> Iterator[InputPin]:
        """Inputs that are not part of the commit, whose bytes git hashes itself."""
        return (pin for pin in record.intent.runspec.inputs if not pin.tracked)

    def _input(self, pin: InputPin) -> Found:
        checked = f"input {pin.path}"
        why = pins.check(
            pin,
            Path(pin.source),
            NoMemo(self.context.objects),
            self.context.progress,
            kept=self.context.all_objects,
        )
        if why is None or (pin.kind == "file" and self._state(pin.digest)):
            return Found(checked=checked)
        return Found(checked=checked, damage=(f"{checked}: {why}",))


def _needed(record: Record, objects: Objects) -> Iterator[tuple[str, str]]:
    """Name for people, and digest, of everything in the store that a replay reads."""
    asked, lock = record.intent.runspec, record.intent.lock
    yield from (("config", asked.config_digest), ("lock", asked.lock), ("runtime", asked.runtime))
    yield from ((f"runtime/{name}", digest) for name, digest in _runtime(asked.runtime, objects))
    yield from (
        (deb.filename.rpartition("/")[2], _digest(deb.sha256))
        for deb in (*lock.base.packages, *lock.debs)
    )
    yield from ((wheel.filename, _digest(wheel.sha256)) for wheel in lock.wheels)
    yield from ((package.filename, _digest(package.sha256)) for package in lock.conda)
    if own := lock.python.standalone:
        yield own.filename, _digest(own.sha256)


def _digest(sha256: str) -> str:
    return sha256 if sha256.startswith("sha256:") else f"sha256:{sha256}"


def _runtime(digest: str, objects: Objects) -> list[tuple[str, str]]:
    """Files of the injected runtime; none when its manifest cannot be read, which is a fault of its
    own.
    """
    try:
        files: dict[str, Any] = canon.parse(objects.path(digest).read_bytes())["files"]
        return [(name, str(listed["sha256"])) for name, listed in files.items()]
    except (FetchError, ReproboxError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _digests(chunks: Iterable[bytes], advance: Any) -> Iterator[str]:
    """Digests of the uncompressed bytes of every file in an image archive, of either layout."""
    with tarfile.open(fileobj=image_archive.as_file(chunks), mode="r|") as tar:
        for member in tar:
            source = tar.extractfile(member) if member.isreg() else None
            if source is not None:
                yield _hash(image_archive.plain(source), advance)


def _hash(source: IO[bytes], advance: Any) -> str:
    hasher = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        hasher.update(chunk)
        advance(len(chunk))
    return f"sha256:{hasher.hexdigest()}"
