"""Whole runs by the real command line, on a real engine, in real repositories."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flow_project import TOP, Project, make_project
from images_of_our_own import PythonImage
from small_project import Small

from reprobox.engine.docker import DockerEngine
from reprobox.kit import files
from reprobox.lock import lock_file
from reprobox.model.image import tag_of

if TYPE_CHECKING:
    from desk import Desk


@pytest.fixture(scope="session")
def base_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the commands: a home of its own; one shared store for the whole session,
    so that a base is made once.
    """
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = A Researcher\n\temail = a@example.invalid\n[init]\n\tdefaultBranch = "
        "main\n"
    )
    kept = {
        key: value
        for key, value in os.environ.items()
        if key.startswith(("PIP_", "UV_", "PATH", "DOCKER_", "SSL_", "LANG", "REQUESTS_"))
    }
    store = os.environ.get("REPROBOX_TEST_STORE") or str(TOP / ".tools" / "store")
    return {**kept, "HOME": str(home), "REPROBOX_HOME": store, "PYTHONPATH": str(TOP), "TZ": "UTC"}


@pytest.fixture(scope="session")
def locked_text(base_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """reprobox.lock of the plain experiment, locked and built once by the real commands."""
    project = make_project(tmp_path_factory.mktemp("locked"), base_env)
    # Test processes side by side share store and engine: what one has made, the next finds.
    with files.locked(TOP / ".tools" / "locked.lock"):
        for verb in ("lock", "build"):
            said = project(verb, "config.yaml")
            assert said.code == 0, said.err
    return (project.top / "reprobox.lock").read_text()


@pytest.fixture
def project(tmp_path: Path, base_env: dict[str, str], locked_text: str) -> Project:
    """A committed, locked experiment, in a directory whose name holds a space."""
    top = tmp_path / "my project"
    top.mkdir()
    made = make_project(top, base_env)
    made.write("reprobox.lock", locked_text)
    made.commit("lock")
    return made


@pytest.fixture
def bare_project(tmp_path: Path, base_env: dict[str, str]) -> Project:
    """The experiment without a lock."""
    return make_project(tmp_path, base_env)


@pytest.fixture
def change(project: Project) -> Callable[[str, str], str]:
    """Writes a file and commits it; the commit."""

    def do(name: str, text: str) -> str:
        project.write(name, text)
        return project.commit(f"change {name}")

    return do


@pytest.fixture
def small_run(
    tmp_path: Path, base_env: dict[str, str], engine: DockerEngine, python_image: PythonImage
) -> Iterator[Small]:
    """A locked experiment and a run of it, with a store of its own."""
    top = tmp_path / "small project"
    top.mkdir()
    env = {key: value for key, value in base_env.items() if not key.startswith(("PIP_", "UV_"))}
    project = make_project(
        top,
        {**env, "PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "REPROBOX_HOME": str(tmp_path / "store")},
    )
    with (top / "base.tar").open("wb") as file:
        file.writelines(engine.save(python_image.tag))
    project.write(".gitignore", "base.tar\n")
    project.write("train.py", "open('model.bin', 'wb').write(bytes(range(200)))\n")
    made = Small(project, engine)
    made.write_config("{archive: base.tar}")
    project.commit("small")
    made.locked()
    made("run", "config.yaml", "--name", "first")
    yield made
    tag = tag_of(lock_file.digest(lock_file.read(top / "reprobox.lock")))
    if found := engine.inspect(tag):
        for name in (*found.repo_digests, tag):
            engine.remove_image(name)


@pytest.fixture(scope="session")
def desk_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, str]]:
    """The repository of `desk`, made once."""
    import desk

    top = tmp_path_factory.mktemp("desk") / "template"
    return top, desk.template(top)


@pytest.fixture
def desk(
    desk_template: tuple[Path, tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> Desk:
    """Two recorded runs, and the command line over them in this process."""
    import desk as made

    monkeypatch.chdir(tmp_path)
    found = made.copied(desk_template, tmp_path / "desk", capsysbinary)
    monkeypatch.chdir(found.top)
    return found
