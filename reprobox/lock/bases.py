"""Bases that exist already: pinned by the digests of their layers, stored uncompressed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reprobox.errors import EngineError, EngineUnavailable, HashMismatch, ImageMissing, ResolveError
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock import image_archive
from reprobox.lock.image_archive import Unpacked
from reprobox.lock.image_tree import Tree
from reprobox.lock.standalone import NoPythonError
from reprobox.model.image import VENV, EngineImage
from reprobox.model.lock import BaseLock, Python
from reprobox.model.platform import DEFAULT
from reprobox.model.ports import ImageEngine, Objects, Progress
from reprobox.model.spec import BaseIntent

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What pinning needs."""

    root: Path
    objects: Objects
    engine: ImageEngine | None
    progress: Progress
    previous: BaseLock | None = None
    """The base of the previous lock, where the intent asks for the same."""

    def need_engine(self, what: str) -> ImageEngine:
        """The engine. Raises EngineUnavailable."""
        if self.engine is None:
            raise EngineUnavailable(
                f"{what} needs a container engine",
                next_step="start Docker, or use a `debian` or `archive` base",
            )
        return self.engine


def pin(intent: BaseIntent, work: Work) -> BaseLock:
    """The base, pinned, with its layers in the store.

    Raises:
        EngineUnavailable, EngineError: the engine is needed and does not do it.
        ImageError, HashMismatch: what it gave is not a whole image.
    """
    previous = work.previous
    if (
        previous is not None
        and intent.kind != "archive"
        and all(map(work.objects.has, previous.diff_ids))
        and _still(intent, work)
    ):
        return previous
    return _KINDS[intent.kind](intent, work)


def _still(intent: BaseIntent, work: Work) -> bool:
    """Whether the previous base answers the intent: a Dockerfile must have the same bytes."""
    previous = work.previous
    return previous is not None and (
        intent.kind != "dockerfile"
        or previous.dockerfile == canon.digest_file(work.root / intent.reference)
    )


def _registry(intent: BaseIntent, work: Work) -> BaseLock:
    engine = work.need_engine("a registry base")
    reference = intent.reference
    if work.previous is not None and work.previous.digest:
        reference = f"{repository(reference)}@{work.previous.digest}"
    image = _pull(engine, reference, work.progress)
    unpacked = _save(engine, image.id, reference, work)
    digest = _repo_digest(image, reference)
    if digest is None:
        work.progress.note(
            f"{reference} is only on this machine: its layers are pinned, and no registry can "
            "give it to others"
        )
    return _lock(intent, unpacked, digest=digest)


def _pull(engine: ImageEngine, reference: str, progress: Progress) -> EngineImage:
    here = engine.inspect(reference)
    if here is not None and "@" in reference:
        return here
    try:
        with progress.task(f"pulling {reference}"):
            return engine.pull(reference)
    except (EngineError, ImageMissing) as error:
        if here is None:
            raise
        progress.note(
            f"{reference} could not be pulled ({error.what}); the image of that name on this "
            "machine is used"
        )
        return here


def repository(reference: str) -> str:
    """A reference without tag and digest."""
    return re.sub(r":[^/:]+$", "", reference.partition("@")[0])


def _repo_digest(image: EngineImage, reference: str) -> str | None:
    if "@" in reference:
        return reference.partition("@")[2]
    name = repository(reference)
    digests = [
        digest
        for repo, _, digest in (entry.partition("@") for entry in image.repo_digests)
        if repo in (name, _short(name))
    ]
    return digests[0] if digests else None


def _short(repo: str) -> str:
    """docker's familiar name."""
    return repo.removeprefix("docker.io/").removeprefix("library/")


def _dockerfile(intent: BaseIntent, work: Work) -> BaseLock:
    engine = work.need_engine("a Dockerfile base")
    path = work.root / intent.reference
    dockerfile = canon.digest_file(path)
    context = (work.root / intent.context).resolve()
    name = os.path.relpath(path.resolve(), context)
    tag = f"reprobox/base:{canon.hex_of(dockerfile)[:32]}"
    with work.progress.task(f"building {intent.reference}"):
        image = engine.build(context, name, tag, work.progress.note)
    unpacked = _save(engine, image.id, intent.reference, work)
    work.progress.note(
        f"{intent.reference} is pinned by the layers that came out now; building it again would "
        "give other bytes, so keep the "
        "store. Only the file itself is watched: after a change of what it copies, `reprobox lock "
        "--upgrade` builds it anew"
    )
    return _lock(intent, unpacked, dockerfile=dockerfile)


def _archive(intent: BaseIntent, work: Work) -> BaseLock:
    with work.progress.task(f"reading {intent.reference}"):
        unpacked = image_archive.from_file(work.root / intent.reference, work.objects)
    return _lock(intent, unpacked)


_KINDS: dict[str, Callable[[BaseIntent, Work], BaseLock]] = {
    "registry": _registry,
    "dockerfile": _dockerfile,
    "archive": _archive,
}


def _save(engine: ImageEngine, image: str, name: str, work: Work) -> Unpacked:
    with work.progress.task(f"storing the layers of {name}"):
        unpacked = image_archive.from_stream(
            image_archive.as_file(engine.save(image)), work.objects, where=name
        )
    platform = (unpacked.config.get("os"), unpacked.config.get("architecture"))
    if platform != (DEFAULT.system, DEFAULT.architecture):
        raise ResolveError(
            f"{name} is for {'/'.join(map(str, platform))}",
            next_step=f"choose a base for {DEFAULT.name}",
        )
    if (
        work.previous is not None
        and work.previous.digest
        and name.endswith(work.previous.digest)
        and unpacked.diff_ids != work.previous.diff_ids
    ):
        raise HashMismatch(
            f"{name} has other layers than the lock names",
            why=f"expected {work.previous.diff_ids}\ngot {unpacked.diff_ids}",
        )
    return unpacked


def _lock(
    intent: BaseIntent,
    unpacked: Unpacked,
    *,
    digest: str | None = None,
    dockerfile: str | None = None,
) -> BaseLock:
    config: dict[str, Any] = unpacked.config.get("config") or {}
    return BaseLock(
        kind=intent.kind,
        reference=intent.reference,
        diff_ids=unpacked.diff_ids,
        config=config,
        digest=digest,
        dockerfile=dockerfile,
    )


def find_python(base: BaseLock, tree: Tree, version: str, packages: tuple[str, ...] = ()) -> Python:
    """The interpreter in a base: the first on its PATH, else anywhere in a `bin`; never one where
    our own environment will be.

    Args:
        packages: names of Debian packages that are installed on top; one of them may bring it.

    Raises:
        NoPythonError: there is none of that version; `why` lists what there is.
    """
    name = f"python{version}"
    for directory in _path_of(base):
        if f"{directory}/{name}" in tree:
            return Python(version=version, executable=f"/{directory}/{name}")
    if f"{name}-minimal" in packages:
        return Python(version=version, executable=f"/usr/bin/{name}")
    found = [
        path
        for path in tree.paths()
        if re.search(r"(?:^|/)bin/python3\.\d+$", path) and path in tree and not _ours(path)
    ]
    fitting = [path for path in found if path.endswith(f"/{name}")]
    if fitting:
        return Python(
            version=version, executable=f"/{min(fitting, key=lambda path: (path.count('/'), path))}"
        )
    raise NoPythonError(
        f"the base {base.reference} has no Python {version}",
        why="It has " + (", ".join(f"/{path}" for path in found) or "no Python at all") + ".",
        next_step=f"set `python` to what the base has, or add `{name}` to `apt`",
    )


def _path_of(base: BaseLock) -> list[str]:
    words = [word for word in base.config.get("Env") or [] if word.startswith("PATH=")]
    path = words[-1].removeprefix("PATH=") if words else _DEFAULT_PATH
    directories = [
        directory.strip("/") for directory in path.split(":") if directory.startswith("/")
    ]
    return [directory for directory in directories if not _ours(directory)]


def _ours(path: str) -> bool:
    """Whether our environment is laid over it; a base may itself be an image of ours, or have an
    environment at the usual place.
    """
    return f"{path}/".startswith(f"{VENV}/")
