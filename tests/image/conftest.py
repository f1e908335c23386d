"""A real store, a real engine, and one Debian base for the whole session (kept between sessions in
pytest's cache).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from image_world import Talk

from reprobox.engine.docker import DockerEngine
from reprobox.image.compose import compose
from reprobox.lock import resolve
from reprobox.model import codec
from reprobox.model.image import Image
from reprobox.model.lock import Lock
from reprobox.model.spec import BaseIntent, Environment
from reprobox.store.objects import ObjectStore

Composer = Callable[..., Image]


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "store")


@pytest.fixture
def build(objects: ObjectStore, engine: DockerEngine, talk: Talk) -> Iterator[Composer]:
    """Composes a lock and removes the image after the test."""
    tags: list[str] = []

    def composed(lock: Lock, **other: Any) -> Image:
        ports = {"objects": objects, "engine": engine, "progress": talk} | other
        image = compose(lock, codec.digest(lock.without_image()), **ports)
        tags.append(image.tag)
        return image

    yield composed
    for tag in tags:
        engine.remove_image(tag)


@pytest.fixture(scope="session")
def debian(request: pytest.FixtureRequest) -> tuple[ObjectStore, Lock]:
    """A store that holds a Debian base, and a lock of nothing but this base."""
    store = ObjectStore(request.config.cache.mkdir("reprobox-image") / "store")
    environment = Environment(base=BaseIntent(kind="debian", reference="bookworm"), python="3.11")
    lock = resolve.resolve(
        environment,
        root=Path(store.root),
        previous=None,
        objects=store,
        engine=None,
        progress=Talk(),
        now=int(time.time()),
    )
    return store, lock
