"""Finding wheels again: from name, version and hash to where the user's own indexes keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reprobox.errors import FetchError, ResolveError
from reprobox.lock import resolver_uv
from reprobox.lock.candidate import Candidate
from reprobox.lock.pip_settings import Settings
from reprobox.lock.target import Target

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
        alone.append({"UV_FIND_LINKS": " ".join(links), "UV_NO_INDEX": "1"})
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
                (package.name, versions[package.name]): list(package.wheels) for package in packages
            }
        except ResolveError:
            if len(pins) == 1:
                return {}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        answers = list(pool.map(lambda pin: _ask([pin], root=root, target=target, env=env), pins))
    return {pin: wheels for answer in answers for pin, wheels in answer.items()}
