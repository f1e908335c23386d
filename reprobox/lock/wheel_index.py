"""Finding files again: from name, version and hash to where the user's own indexes keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reprobox.errors import FetchError, ResolveError
from reprobox.lock import download, resolver_uv
from reprobox.lock.candidate import Candidate
from reprobox.lock.pip_settings import Settings
from reprobox.lock.target import Target
from reprobox.model.ports import Objects, Progress

_PARALLEL = 4
_PLACES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
Pin = tuple[str, str]
"""Normalised name and version."""


def find(
    pins: Iterable[Pin],
    *,
    root: Path,
    target: Target,
    settings: Settings,
    accept: Callable[[Candidate], bool],
) -> dict[Pin, list[Candidate]]:
    """The acceptable wheels on offer for each pin; a pin without any is absent.

    All indexes are asked together first. Where several have a version with different bytes, uv
    shows one of them, so what is still not found then is asked of each index alone.

    Raises:
        FetchError: the indexes could not be asked.
    """
    wanted = sorted(set(pins))
    found: dict[Pin, list[Candidate]] = {}
    refused: FetchError | None = None
    for env in [settings.environment, *_each_alone(settings)]:
        left = [pin for pin in wanted if pin not in found]
        try:
            answer = _ask(left, root=root, target=target, env=env) if left else {}
        except FetchError as error:
            refused = refused or error
            continue
        for pin, wheels in answer.items():
            if fitting := [wheel for wheel in wheels if accept(wheel)]:
                found[pin] = fitting
    if refused is not None and len(found) < len(wanted):
        raise refused
    return found


def _each_alone(settings: Settings) -> list[dict[str, str]]:
    bare = {key: value for key, value in settings.environment.items() if key not in _PLACES}
    links = settings.find_links
    alone = [{"UV_DEFAULT_INDEX": url} for url in settings.index_urls if url not in links]
    if links:
        alone.append({"UV_FIND_LINKS": ",".join(links), "UV_NO_INDEX": "1"})
    return [{**bare, **words} for words in alone]


def _ask(
    pins: list[Pin], *, root: Path, target: Target, env: Mapping[str, str]
) -> dict[Pin, list[Candidate]]:
    """All at once; where that fails because one is missing, each alone."""
    versions = dict(pins)
    if len(versions) == len(pins):
        try:
            packages = resolver_uv.offers(versions, root=root, target=target, env=env)
            return {
                (package.name, versions[package.name]): [
                    *package.wheels,
                    *([package.source] if package.source else []),
                ]
                for package in packages
            }
        except ResolveError:
            if len(pins) == 1:
                return {}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        answers = list(pool.map(lambda pin: _ask([pin], root=root, target=target, env=env), pins))
    return {pin: wheels for answer in answers for pin, wheels in answer.items()}


def addressed(
    candidates: Sequence[Candidate], *, root: Path, target: Target, settings: Settings
) -> dict[str, tuple[str, ...]]:
    """Addresses by digest; files that are known by hash alone are looked for.

    Raises:
        FetchError: the indexes could not be asked.
    """
    urls: dict[str, tuple[str, ...]] = {one.digest: (one.url,) for one in candidates if one.url}
    bare = [one for one in candidates if one.url is None]
    if bare:
        digests = {one.digest for one in bare}
        found = find(
            [(one.name, one.version) for one in bare],
            root=root,
            target=target,
            settings=settings,
            accept=lambda offer: offer.digest in digests,
        )
        for offer in (offer for offers in found.values() for offer in offers if offer.url):
            urls[offer.digest] = (*urls.get(offer.digest, ()), str(offer.url))
    return urls


def fetch(
    candidates: Sequence[Candidate],
    *,
    root: Path,
    target: Target,
    settings: Settings,
    objects: Objects,
    progress: Progress,
) -> None:
    """Brings files into the store.

    Raises:
        FetchError, HashMismatch: one could not be had.
    """
    absent = [one for one in candidates if not objects.has(one.digest)]
    urls = addressed(absent, root=root, target=target, settings=settings)
    items = [
        download.Item(
            label=one.filename, digest=one.digest, urls=urls.get(one.digest, ()), size=one.size
        )
        for one in absent
    ]
    download.fetch(
        items,
        objects=objects,
        transport=download.Transport.of(settings),
        progress=progress,
        what="fetching wheels",
    )
