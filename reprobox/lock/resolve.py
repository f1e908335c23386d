"""Environment to lock: the base, the system packages and the wheels, each pinned by hash and
fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name

from reprobox.errors import ResolveError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock import (
    bases,
    conda_environment,
    debs,
    download,
    fetch,
    install_order,
    intent,
    pip_settings,
    sdists,
    standalone,
    wheels,
)
from reprobox.lock.formats.conda import Environment as CondaFiles
from reprobox.lock.formats.conda import interpreter
from reprobox.lock.host_apt import Apt, Offer
from reprobox.lock.image_tree import Tree
from reprobox.lock.job import Job
from reprobox.lock.places import Places
from reprobox.lock.standalone import NoPythonError
from reprobox.lock.target import Target
from reprobox.model.lock import CONDA, BaseLock, Conda, Contested, Deb, Lock, Python, Wheel
from reprobox.model.platform import DEFAULT
from reprobox.model.ports import ImageEngine, Objects, Progress, WheelMaker
from reprobox.model.spec import Environment

_CONDA_GLIBC = 36
"""What is assumed when conda packages are resolved, before the base is: Debian 12's."""
_OLD_GLIBC = 28
"""What is assumed of a base that does not say: manylinux_2_28, the oldest that current wheels are
made for.
"""
Contests = Callable[[Lock, Sequence[str]], tuple[Contested, ...]]
"""A lock, and the names of its wheels in pip's order of installation, to the paths in dispute."""


@dataclass(frozen=True, kw_only=True)
class _Request:
    env: Environment
    root: Path
    previous: Lock | None
    released: frozenset[str]
    objects: Objects
    engine: ImageEngine | None
    progress: Progress
    maker: WheelMaker | None
    place: str | None
    conda: bool = False
    """Whether conda packages bring the interpreter."""


@dataclass(frozen=True, kw_only=True)
class _System:
    """Everything below the wheels."""

    base: BaseLock
    debs: tuple[Deb, ...]
    python: Python
    target: Target


def resolve(
    env: Environment,
    *,
    root: Path,
    previous: Lock | None,
    objects: Objects,
    engine: ImageEngine | None,
    upgrade: bool = False,
    upgrade_packages: Sequence[str] = (),
    progress: Progress,
    now: int,
    contested: Contests | None = None,
    maker: WheelMaker | None = None,
    lock_dir: Path | None = None,
    place: str | None = None,
) -> Lock:
    """Makes the lock; everything that it names is in the store afterwards.

    A previous lock for the same intent is only completed. Otherwise its pins are preferred, unless
    they are to be upgraded. Its timestamp is kept when nothing but the intent's wording has
    changed, and its `image` when nothing has.

    Args:
        root: directory of the config, which all names are relative to.
        upgrade: forget all pins.
        upgrade_packages: wheels and Debian packages whose pins are forgotten.
        now: seconds since 1970, for a new lock's timestamp.
        contested: finds the paths at which wheels have different files.
        maker: builds source distributions.
        lock_dir: the lock's directory, `root` by default.
        place: `root` relative to the top of the repository; None outside of any.

    Raises:
        ConfigError, ResolveError, FetchError, HashMismatch, ImageError, EngineUnavailable,
        EngineError.
    """
    lock_place = lock_dir or root
    wanted = intent.digest(env, root, lock_place)
    kept = None if upgrade else previous
    released = frozenset(str(canonicalize_name(name)) for name in upgrade_packages)
    request = _Request(
        env=env,
        root=root,
        previous=kept,
        released=released,
        objects=objects,
        engine=engine,
        progress=progress,
        maker=maker,
        place=place,
    )
    _check_released(kept, released)
    if kept is not None and intent.answers(kept.intent, env, root, lock_place) and not released:
        _refill_base(kept, request)
        fetch.complete(kept, objects, progress, root=root, maker=maker)
        return kept
    target = Target(python=env.python, minor=_CONDA_GLIBC)
    from_conda, entries = conda_environment.read(env.requirements, root, target)
    request = replace(
        request,
        env=replace(env, requirements=tuple(entries)),
        conda=interpreter(from_conda.packages) is not None,
    )
    system = _system(request)
    lock = Lock(
        intent=wanted,
        timestamp=now,
        python=system.python,
        base=system.base,
        debs=system.debs,
        wheels=_wheels(request, system),
        bytecode=env.bytecode,
        image_env=dict(env.image_env),
        conda=_conda(from_conda, request),
    )
    if contested is not None:
        order = _install_order(lock, system.target, objects)
        lock = replace(lock, contested=contested(lock, order))
    return _keep(lock, previous)


def _conda(environment: CondaFiles, request: _Request) -> tuple[Conda, ...]:
    if not environment.packages:
        return ()
    return conda_environment.fetch(
        environment.packages,
        objects=request.objects,
        transport=download.Transport.of(pip_settings.read()),
        progress=request.progress,
    )


def _install_order(lock: Lock, target: Target, objects: Objects) -> list[str]:
    paths = {wheel.name: objects.path(wheel.sha256) for wheel in lock.wheels}
    return install_order.of(paths, target.markers())


def _check_released(previous: Lock | None, released: Iterable[str]) -> None:
    if previous is None:
        return
    known = {
        str(canonicalize_name(piece.name))
        for piece in fetch.needed(previous)
        if piece.kind != "layer"
    }
    unknown = sorted(set(released) - known)
    if unknown:
        raise ResolveError(
            f"the lock has no package {', '.join(unknown)}",
            next_step="see `reprobox.lock` for the names, or use --upgrade",
        )


def _keep(lock: Lock, previous: Lock | None) -> Lock:
    if previous is None:
        return lock
    same = replace(lock, intent=previous.intent, timestamp=previous.timestamp)
    if same != previous.without_image():
        return lock
    return (
        previous if lock.intent == previous.intent else replace(lock, timestamp=previous.timestamp)
    )


def _refill_base(lock: Lock, request: _Request) -> None:
    """Layers of a base that left the store come back from where they came from, if they are the
    same.
    """
    if lock.base.kind == "debian" or all(map(request.objects.has, lock.base.diff_ids)):
        return
    found = bases.pin(request.env.base, _work(request))
    if found.diff_ids != lock.base.diff_ids:
        raise ResolveError(
            f"the base {lock.base.reference} now has other layers than the lock names",
            why="Its layers have left the store, and cannot be made again.",
            next_step="pull them from a store that has them (`reprobox pull --from PLACE`), or "
            "take the new base with `reprobox lock --upgrade`",
        )


def _work(request: _Request) -> bases.Work:
    previous = request.previous.base if request.previous is not None else None
    intended = request.env.base
    same = previous is not None and (previous.kind, previous.reference) == (
        intended.kind,
        intended.reference,
    )
    return bases.Work(
        root=request.root,
        objects=request.objects,
        engine=request.engine,
        progress=request.progress,
        previous=previous if same else None,
    )


def _preferred(request: _Request) -> list[Deb]:
    if request.previous is None:
        return []
    return [
        deb
        for deb in (*request.previous.base.packages, *request.previous.debs)
        if canonicalize_name(deb.name) not in request.released
    ]


def _system(request: _Request) -> _System:
    return _composed(request) if request.env.base.kind == "debian" else _existing(request)


def _composed(request: _Request) -> _System:
    env, suite = request.env, request.env.base.reference
    bare = BaseLock(kind="debian", reference=suite)
    with debs.archive_of(
        bare, request.objects, request.progress, prefer=_preferred(request)
    ) as archive:
        python, of_suite = _suite_python(request, archive)
        with request.progress.task("resolving Debian packages"):
            base = debs.debian_base(archive, of_suite)
            packages = tuple(offer.deb for offer in base)
            extra = debs.on_top(archive, env.apt, packages)
        _fetch_debs([*base, *extra], archive, request)
    return _System(
        base=replace(bare, packages=packages),
        debs=tuple(offer.deb for offer in extra),
        python=python,
        target=Target(python=env.python, minor=debs.glibc_minor(None, packages) or _OLD_GLIBC),
    )


def _python(request: _Request) -> Python | None:
    """conda's interpreter."""
    if not request.conda:
        return None
    version = request.env.python
    return Python(version=version, executable=f"/{CONDA}/bin/python{version}")


def _suite_python(request: _Request, archive: Apt) -> tuple[Python, str | None]:
    """The interpreter, and the version of the suite's own package where that brings it."""
    env = request.env
    if given := _python(request):
        return given, None
    try:
        debs.check_python(archive, env.base.reference, env.python)
    except NoPythonError as refusal:
        return _standalone(refusal, request), None
    return Python(version=env.python, executable=f"/usr/bin/python{env.python}"), env.python


def _standalone(refusal: NoPythonError, request: _Request, libc: str = "gnu") -> Python:
    previous, version = request.previous, request.env.python
    kept = previous.python if previous and "python" not in request.released else None
    return standalone.instead(
        refusal,
        version,
        objects=request.objects,
        progress=request.progress,
        libc=libc,
        previous=kept,
    )


def _existing(request: _Request) -> _System:
    env = request.env
    base = bases.pin(env.base, _work(request))
    tree = Tree(request.objects.path(diff_id) for diff_id in base.diff_ids)
    extra: list[Offer] = []
    if env.apt:
        with debs.archive_of(
            base, request.objects, request.progress, prefer=_preferred(request), tree=tree
        ) as archive:
            with request.progress.task("resolving Debian packages"):
                extra = debs.on_top(archive, env.apt)
            _fetch_debs(extra, archive, request)
    names = tuple(offer.deb.name for offer in extra)
    target = _target(env.python, tree, extra)
    try:
        python = _python(request) or bases.find_python(base, tree, env.python, names)
    except NoPythonError as refusal:
        libc = "musl" if target.libc == "musl" else "gnu"
        python = _standalone(refusal, request, libc)
    return _System(
        base=base, debs=tuple(offer.deb for offer in extra), python=python, target=target
    )


def _target(python: str, tree: Tree, extra: Iterable[Offer]) -> Target:
    if f"lib/ld-musl-{DEFAULT.machine}.so.1" in tree:
        return Target(python=python, libc="musl", minor=2)
    minor = debs.glibc_minor(tree, [offer.deb for offer in extra])
    return Target(python=python, minor=minor or _OLD_GLIBC)


def _fetch_debs(offers: Iterable[Offer], archive: Apt, request: _Request) -> None:
    items = [
        download.Item(
            label=offer.deb.filename,
            digest=offer.deb.sha256,
            urls=(offer.url,),
            size=offer.deb.size,
        )
        for offer in offers
    ]
    download.fetch(
        items,
        objects=request.objects,
        transport=archive.transport(),
        progress=request.progress,
        what="fetching Debian packages",
    )


def _wheels(request: _Request, system: _System) -> tuple[Wheel, ...]:
    if not request.env.requirements:
        return ()
    settings = pip_settings.read()
    bare = Lock(intent="", timestamp=0, python=system.python, base=system.base, debs=system.debs)
    sources = sdists.Sources(
        root=request.root,
        target=system.target,
        settings=settings,
        objects=request.objects,
        progress=request.progress,
        system=bare,
        maker=request.maker,
        build=request.env.build,
        known=sdists.built_before(request.previous, bare),
    )
    places = Places(root=request.root, place=request.place, sources=sources)
    job = Job(
        root=request.root,
        target=system.target,
        settings=settings,
        sources=sources,
        places=places,
    )
    previous = request.previous.wheels if request.previous is not None else ()
    with request.progress.task("resolving wheels"):
        chosen = wheels.choose(
            request.env.requirements, job, previous=previous, released=request.released
        )
    return tuple(sources.wheels(chosen))
