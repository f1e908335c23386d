"""A real store, a real index on loopback, the machine's own package settings where a test asks the
real registries.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lock_world import NOW, Index, Locker, Talk, rootfs, served

from reprobox.engine.docker import DockerEngine
from reprobox.lock import resolve
from reprobox.model.lock import Lock
from reprobox.model.spec import BaseIntent, Environment
from reprobox.store.objects import ObjectStore

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of a config, with the smallest base in it."""
    path = tmp_path / "the config's place"
    path.mkdir()
    (path / "base.tar").write_bytes(rootfs())
    return path


@pytest.fixture
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No package settings but those that the test makes."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return monkeypatch


@pytest.fixture
def index(own_settings: pytest.MonkeyPatch) -> Iterator[Index]:
    """The only index there is, as pip is told."""
    with served(Index()) as made:
        own_settings.setenv("PIP_INDEX_URL", made.url)
        yield made


@pytest.fixture
def lock(root: Path, objects: ObjectStore, talk: Talk) -> Locker:
    """Locks requirements on the smallest base."""

    def do(
        *requirements: str,
        previous: Lock | None = None,
        python: str = "3.11",
        now: int = NOW,
        build: bool = True,
        **more: object,
    ) -> Lock:
        env = Environment(
            base=BaseIntent(kind="archive", reference="base.tar"),
            python=python,
            requirements=requirements,
            build=build,
        )
        return resolve.resolve(
            env,
            root=root,
            previous=previous,
            objects=objects,
            engine=None,
            progress=talk,
            now=now,
            **more,
        )

    return do


@pytest.fixture(scope="session")
def shared_objects() -> ObjectStore:
    """A store that outlives the session, so that Debian's packages are fetched once."""
    return ObjectStore(Path(os.environ.get("REPROBOX_TEST_STORE") or TOP / ".tools" / "store"))


@pytest.fixture(autouse=True)
def apt_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """apt's lists are kept beside that store."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(TOP / ".tools" / "cache"))


@pytest.fixture(scope="session")
def engine() -> DockerEngine:
    return DockerEngine()
