from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from web_demo import laboratory
from web_world import Served, World, served


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.at(tmp_path / "digits")


@pytest.fixture
def site(world: World) -> Iterator[Served]:
    with served(world.context) as made:
        yield made


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The runs of `web_demo`, for tests that only read."""
    return laboratory(tmp_path_factory.mktemp("laboratory") / "digits")


@pytest.fixture(scope="session")
def demo_site(demo: World) -> Iterator[Served]:
    with served(demo.context) as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; a suite that skips these tests proves nothing."""
    program = shutil.which("chromium")
    assert program, "scripts/setup --tests installs chromium"
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=program, args=flags)
        yield found
        found.close()
