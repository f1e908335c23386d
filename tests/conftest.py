"""Fixtures for every room: the machine's engine, engines of our own, small images, and a home that
is nobody's.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from images_of_our_own import PythonImage, archive, chunks, python_layer, tiny_layer
from loopback_registry import Registry, serving
from second_engine import SecondEngine
from shim_runs import ShimRunner

from reprobox.engine.docker import DockerEngine
from reprobox.errors import EngineUnavailable

KEPT_CONFIGS = {"PIP_CONFIG_FILE": ".config/pip/pip.conf", "UV_CONFIG_FILE": ".config/uv/uv.toml"}
"""Where packages come from is the machine's business; `reprobox lock` uses it, so the tests of it
do.
"""


def _isolate(patch: pytest.MonkeyPatch, home: Path) -> None:
    user = Path(os.environ.get("HOME", "/nonexistent"))
    for variable, place in KEPT_CONFIGS.items():
        if variable not in os.environ and (user / place).exists():
            patch.setenv(variable, str(user / place))
    for variable in list(os.environ):
        if variable.startswith(
            (
                "REPROBOX_",
                "XDG_",
                "GIT_AUTHOR",
                "GIT_COMMITTER",
                "GIT_DIR",
                "GIT_WORK_TREE",
                "GIT_INDEX",
            )
        ):
            if variable == "REPROBOX_TEST_STORE":
                continue
            patch.delenv(variable)
    patch.setenv("UV_PYTHON_DOWNLOADS", "never")  # a test that fetches an interpreter says so
    patch.setenv("HOME", str(home))
    for variable, place in (
        ("CONFIG", ".config"),
        ("CACHE", ".cache"),
        ("DATA", ".local/share"),
        ("STATE", ".local/state"),
    ):
        patch.setenv(f"XDG_{variable}_HOME", str(home / place))
    patch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    patch.setenv("REPROBOX_HOME", str(home / "reprobox"))
    patch.setenv("DOCKER_CONFIG", str(home / ".docker"))


@pytest.fixture(scope="session", autouse=True)
def _nobodys_home_for_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures that live longer than a test are away from the user's files too."""
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, tmp_path_factory.mktemp("session-home"))
        yield


@pytest.fixture(autouse=True)
def nobodys_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HOME, XDG, git's, docker's and reprobox's own places, in a fresh directory; no test can touch
    the user's.
    """
    home = tmp_path_factory.mktemp("home")
    _isolate(monkeypatch, home)
    return home


@pytest.fixture(scope="session")
def engine() -> DockerEngine:
    """The machine's engine. Without one the tests that need it fail: a suite that skips them proves
    nothing.
    """
    there = DockerEngine()
    try:
        there.info()
    except EngineUnavailable as missing:
        pytest.fail(
            f"These tests need a container engine (scripts/setup starts one).\n{missing}",
            pytrace=False,
        )
    return there


@pytest.fixture(scope="session")
def tiny_archive() -> Callable[[str], bytes]:
    """Makes the busybox image as a docker-archive under a tag, for any engine."""
    layer = tiny_layer()
    return lambda tag: archive(layer, tag)


@pytest.fixture(scope="session")
def tiny_image(engine: DockerEngine, tiny_archive: Callable[[str], bytes]) -> Iterator[str]:
    """A loaded image with busybox (sh, sleep, cat, ...); its tag."""
    tag = f"reprobox-tests/tiny:{secrets.token_hex(4)}"
    engine.load(chunks(tiny_archive(tag)))
    yield tag
    engine.remove_image(tag)


@pytest.fixture(scope="session")
def python_archive() -> Callable[[str], tuple[bytes, str]]:
    """Makes the image with this interpreter as a docker-archive under a tag; and the interpreter's
    path in it.
    """
    layer, python = python_layer()
    return lambda tag: (archive(layer, tag), python)


@pytest.fixture(scope="session")
def python_image(
    engine: DockerEngine, python_archive: Callable[[str], tuple[bytes, str]]
) -> Iterator[PythonImage]:
    """A loaded image with busybox and this interpreter (standard library, no byte code)."""
    tag = f"reprobox-tests/python:{secrets.token_hex(4)}"
    data, python = python_archive(tag)
    engine.load(chunks(data))
    yield PythonImage(tag, python)
    engine.remove_image(tag)


@pytest.fixture(scope="session")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A container registry on loopback."""
    with serving(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture(scope="session")
def registry(loopback: Registry) -> str:
    """Its address, `host:port`."""
    return loopback.address


@pytest.fixture
def second_engine() -> Iterator[Callable[..., SecondEngine]]:
    """Starts engines of the test's own: `second_engine(live_restore=..., first_on_path=...)`; all
    are gone after the test.
    """
    with ExitStack() as stack:

        def begin(
            *,
            live_restore: bool = False,
            first_on_path: Path | None = None,
            remapped: bool = False,
        ) -> SecondEngine:
            made = SecondEngine(
                live_restore=live_restore, first_on_path=first_on_path, remapped=remapped
            )
            stack.callback(made.close)
            return made.start()

        yield begin


@pytest.fixture
def shim(engine: DockerEngine, python_image: PythonImage, tmp_path: Path) -> Iterator[ShimRunner]:
    """Runs programs under the shim: `shim("sh", "-c", "...", memory=...)`."""
    runner = ShimRunner(engine, python_image, tmp_path)
    yield runner
    runner.close()


STARTS_MUCH = frozenset(
    {"torch_python", "jax_python", "formats_python", "under", "emulator", "moto", "Browser"}
)
"""Names in a test's module by which it starts torch, an emulator, a browser, or a server for each
test.
"""
NEEDS_AN_ENGINE = frozenset({"engine", "locked_text", "second_engine", "apptainer"})
"""Fixtures that start or ask a container engine; others, such as `project`, are made of them."""
LONG = (
    "commands/test_import_.py",
    "commands/test_rm.py",
    "judge/formats/test_flips.py",
    "judge/formats/test_pairs",
    "judge/test_kinds.py",
    "judge/test_left_by_tools.py",
    "judge/test_reader.py::test_a_pair_that_needs_too_much_costs_only_itself",
    "judge/test_trackers.py",
    "lock/formats/test_table.py",
    "lock/test_conda_environment.py",
    "lock/test_fetch.py",
    "lock/test_host_apt.py",
    "lock/test_install_order.py",
    "lock/test_places.py",
    "lock/test_standalone.py",
    "lock/test_wheels.py",
    "store/remotes/",
    "store/test_failing_calls.py",
    "store/test_many_processes.py",
    "store/test_powercut.py",
    "store/test_state_machine.py",
    "store/transfer/test_bundle.py::test_every_bit_of_the_frames_own_fields_is_found",
    "store/transfer/test_bundle.py::test_memory_stays_small",
    "views/test_verdict.py",
)
"""How the names of those tests begin that take most of the processor time of the tests without an
engine, as measured (`--durations=100`).
"""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`make test-fast`: generated tests draw fewer examples, whatever each asks for, and tests that
    start much are left out.
    """
    if not os.environ.get("REPROBOX_FAST"):
        return
    from hypothesis import settings

    left_out = [item for item in items if _starts_much(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
    for item in items:
        test = getattr(item, "obj", None)
        asked = getattr(test, "_hypothesis_internal_use_settings", None)
        if asked is not None:
            fewer = settings(asked, max_examples=min(asked.max_examples, 20))
            test._hypothesis_internal_use_settings = fewer


def _starts_much(item: pytest.Item) -> bool:
    module = getattr(item, "module", None)
    name = f"{item.path.relative_to(Path(__file__).parent).as_posix()}::{item.name}"
    needed = NEEDS_AN_ENGINE.intersection(getattr(item, "fixturenames", ()))
    return bool(needed) or name.startswith(LONG) or bool(STARTS_MUCH & vars(module).keys())
