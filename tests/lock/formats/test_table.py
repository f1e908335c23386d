"""Locks that the real tools wrote (tests/support/format_files.py): what of them is taken."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from format_files import PACKAGES, PEP_621
from lock_world import Index, Locker, Talk
from uv import find_uv_bin

from reprobox.errors import LockInvalid, ResolveError
from reprobox.lock import intent
from reprobox.lock.conda_environment import READERS
from reprobox.lock.formats import table
from reprobox.model.spec import BaseIntent, Environment

FILES = Path(__file__).parent / "files"
LOCKS = {"poetry1": "poetry.lock", "poetry2": "poetry.lock", "pdm": "pdm.lock"}
LOCKS["pipenv"] = "Pipfile.lock"
GROUPED = ["poetry1", "poetry2", "pdm"]


@pytest.fixture
def packages(index: Index) -> Index:
    """The index that the tools saw."""
    for name, requires, tag in PACKAGES:
        index.add(name, "1.0", requires, tag)
    return index


def put(root: Path, tool: str) -> str:
    for path in (FILES / tool).iterdir():
        shutil.copy(path, root / path.name)
    return LOCKS[tool]


def names(made: object) -> list[str]:
    return [wheel.name for wheel in made.wheels]  # type: ignore[attr-defined]


@pytest.mark.parametrize("tool", LOCKS)
def test_main_alone_for_this_platform(
    tool: str, root: Path, lock: Locker, packages: Index, talk: Talk
) -> None:
    file = put(root, tool)
    assert names(lock(file)) == ["alpha", "beta"]
    said = "\n".join(talk.notes)
    assert f"{file}: without the groups dev" in said, "what is left out is shown"
    assert f"`{{file: {file}, groups: [...]}}`" in said


@pytest.mark.parametrize("tool", GROUPED)
def test_extras_and_groups_that_are_asked_for(
    tool: str, root: Path, lock: Locker, packages: Index
) -> None:
    file = put(root, tool)
    assert names(lock(f"{file}[train]")) == ["alpha", "beta", "trainer"]
    assert names(lock(f"{file}{{dev}}")) == ["alpha", "beta", "devtool", "iota"]
    assert names(lock(f"{file}[train]{{dev,viz}}")) == [
        *("alpha", "beta", "devtool", "iota", "trainer", "viewer"),
    ]


@pytest.mark.parametrize(
    ("tool", "file"), [("piptools", "requirements.txt"), ("pip", "pylock.toml")]
)
def test_what_pip_tools_and_pip_wrote(
    tool: str, file: str, root: Path, lock: Locker, packages: Index
) -> None:
    packages.add("beta", "2.0")
    text = (FILES / tool / file).read_text()
    (root / file).write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{packages.port}", text))
    made = lock(file)
    assert [(one.name, one.version) for one in made.wheels] == [("alpha", "1.0"), ("beta", "1.0")]
    assert all(one.sha256.removeprefix("sha256:") in text for one in made.wheels)


def test_a_category_of_pipenv(root: Path, lock: Locker, packages: Index) -> None:
    assert names(lock(put(root, "pipenv") + "{dev}")) == ["alpha", "beta", "devtool", "iota"]


@pytest.mark.parametrize("tool", LOCKS)
def test_a_group_that_is_not_there(tool: str, root: Path, lock: Locker, packages: Index) -> None:
    with pytest.raises(ResolveError, match="has no group nope") as caught:
        lock(put(root, tool) + "{nope}")
    assert "dev" in caught.value.why


def test_pyproject_with_extras_and_groups(
    root: Path, lock: Locker, packages: Index, talk: Talk
) -> None:
    (root / "pyproject.toml").write_text(PEP_621)
    assert names(lock("pyproject.toml")) == ["alpha", "beta"]
    assert any("without the extras train" in note for note in talk.notes)
    assert names(lock("pyproject.toml[train]")) == ["alpha", "beta", "trainer"]
    assert names(lock("pyproject.toml[train]{dev}")) == [
        *("alpha", "beta", "devtool", "iota", "trainer"),
    ]
    with pytest.raises(ResolveError, match="has no extra nope"):
        lock("pyproject.toml[nope]")


def test_pyproject_whose_dependencies_only_its_tools_know(root: Path, lock: Locker) -> None:
    shutil.copy(FILES / "poetry1/pyproject.toml", root)
    with pytest.raises(ResolveError, match="Poetry's own form") as caught:
        lock("pyproject.toml")
    assert "poetry lock" in caught.value.next_step
    (root / "pyproject.toml").write_text('[project]\nname = "x"\ndynamic = ["dependencies"]\n')
    with pytest.raises(ResolveError, match="are dynamic"):
        lock("pyproject.toml")


def test_uv_lock_with_extras_and_groups_and_one_that_is_old(
    root: Path, lock: Locker, packages: Index, talk: Talk
) -> None:
    (root / "pyproject.toml").write_text(PEP_621)
    argv = [find_uv_bin(), "lock", "--quiet", "--default-index", packages.url]
    subprocess.run(argv, cwd=root, check=True)
    assert names(lock("uv.lock")) == ["alpha", "beta"]
    assert any("uv.lock: without the groups dev, viz" in note for note in talk.notes)
    assert names(lock("uv.lock[train]{dev}")) == ["alpha", "beta", "devtool", "iota", "trainer"]
    newer = PEP_621.replace('"alpha>=1.0", ', '"alpha>=1.0", "viewer", ')
    (root / "pyproject.toml").write_text(newer)
    with pytest.raises(ResolveError, match=r"older than the pyproject\.toml") as caught:
        lock("uv.lock")
    assert "viewer" in caught.value.why
    assert "uv lock" in caught.value.next_step
    (root / "pyproject.toml").write_text(PEP_621.replace('dev = ["devtool"]', 'dev = ["iota"]'))
    with pytest.raises(ResolveError, match="older than"):
        lock("uv.lock")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pixi.toml", "[workspace]\n", "pixi makes its lock from"),
        ("conda-lock.yml", "version: 1\n", "conda-lock"),
        ("Pipfile", "[packages]\n", "pipenv makes its lock from"),
        ("setup.py", "", "a project"),
        ("setup.cfg", "", "a project"),
    ],
)
def test_what_is_refused_as_what_it_is(
    name: str, text: str, said: str, root: Path, lock: Locker
) -> None:
    (root / name).write_text(text)
    with pytest.raises(ResolveError, match=said) as caught:
        lock(name)
    assert caught.value.next_step


@pytest.mark.parametrize("name", ["poetry.lock", "pdm.lock", "Pipfile.lock", "uv.lock"])
def test_what_is_no_lock_of_its_tool(name: str, root: Path, lock: Locker) -> None:
    (root / name).write_text('{"a": [')
    with pytest.raises(LockInvalid, match=f"{name} is not a"):
        lock(name)


def test_the_page_has_every_format() -> None:
    page = (Path(__file__).parents[3] / "docs/environments.md").read_text().splitlines()
    start = page.index("| format | taken | refused |") + 2
    rows = [line.split("|")[1].strip() for line in page[start : page.index("", start)]]
    resolved = {"a requirement", "requirements.txt", "pyproject.toml"}
    known = {row.name for row in table.FORMATS} | {row[0] for row in READERS} | resolved
    assert set(rows) == known
    assert len(rows) == len(set(rows))


def test_a_yanked_version_is_shown(lock: Locker, index: Index, talk: Talk) -> None:
    index.add("alpha", "1.0")
    index.yanked["alpha-1.0-py3-none-any.whl"] = "broken on Mondays"
    assert names(lock("alpha==1.0")) == ["alpha"]
    (note,) = [note for note in talk.notes if "yanked" in note]
    assert "alpha==1.0" in note
    assert "broken on Mondays" in note


def test_one_lock_for_configs_in_two_directories(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "requirements.txt").write_text("alpha\n")
    base = BaseIntent(kind="debian", reference="bookworm")
    top = Environment(base=base, requirements=("requirements.txt",))
    below = Environment(base=base, requirements=("../requirements.txt",))
    found = intent.digest(top, tmp_path, tmp_path)
    assert found == intent.digest(top, tmp_path), "locks beside their config keep their digest"
    assert intent.answers(found, below, tmp_path / "conf", tmp_path)
    first = intent.digest(below, tmp_path / "conf")
    assert intent.answers(first, below, tmp_path / "conf", tmp_path), "an older lock stays fresh"
    (tmp_path / "conf/requirements.txt").write_text("beta\n")
    other = Environment(base=base, requirements=("requirements.txt",))
    assert not intent.answers(found, other, tmp_path / "conf", tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("uv.lock", "poetry.lock", "pylock.toml", "pylock.gpu.toml", "pdm.lock", "Pipfile.lock"),
        *("pixi.lock", "environment.yml", "environment.yaml"),
    ],
)
def test_a_file_that_is_no_text_is_named(root: Path, lock: Locker, name: str) -> None:
    text = '[[package]]\nname = "alpha"\n'
    (root / name).write_bytes(text.encode("utf-16"))
    with pytest.raises(LockInvalid, match=f"^{re.escape(name)} (is not|cannot be read)"):
        lock(name)
