"""The commit's own projects, and commits of other repositories."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from format_files import PEP_621
from lock_world import Index, Locker, Talk, wheel_bytes
from own_projects import PROJECT, project
from uv import find_uv_bin

from reprobox.errors import ResolveError
from reprobox.lock import intent
from reprobox.model.lock import Lock, Wheel
from reprobox.model.spec import BaseIntent, Environment
from reprobox.store.objects import ObjectStore


def wheel(made: Lock, name: str) -> Wheel:
    (found,) = [one for one in made.wheels if one.name == name]
    return found


def texts(objects: ObjectStore, one: Wheel) -> dict[str, str]:
    with zipfile.ZipFile(objects.path(one.sha256)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.fixture
def packages(index: Index) -> Index:
    for name in ("alpha", "beta"):
        index.add(name, "1.0")
    return index


@pytest.mark.parametrize(
    "line", ["-e ./libs/x", "--editable=libs/x", "./libs/x", "-e libs/x  # ours"]
)
@pytest.mark.parametrize("inside", [True, False], ids=["file", "inline"])
def test_a_project_of_the_repository_is_a_path_and_no_copy(
    line: str, inside: bool, root: Path, lock: Locker, packages: Index, objects: ObjectStore
) -> None:
    project(root, "libs/x")
    (root / "requirements.txt").write_text(line + "\n")
    entry = "requirements.txt" if inside else line.partition("  #")[0]
    made = lock(entry, place="sub/config")
    assert [one.name for one in made.wheels] == ["alpha", "my-project"]
    own = wheel(made, "my-project")
    assert own.editable == "sub/config/libs/x"
    found = texts(objects, own)
    assert found["__editable__.my_project-1.2.pth"] == "/work/sub/config/libs/x/src\n"
    assert "tool = my_project.cli:main" in found["my_project-1.2.dist-info/entry_points.txt"]
    assert "Requires-Dist: alpha\n" in found["my_project-1.2.dist-info/METADATA"]
    assert not [name for name in found if name.endswith(".py")]


def test_its_extras_and_what_others_need_of_it(root: Path, lock: Locker, packages: Index) -> None:
    project(root, "x")
    packages.add("user", "1.0", requires=("my-project>=1",))
    made = lock("-e ./x[train]", "user", place="")
    assert [one.name for one in made.wheels] == ["alpha", "beta", "my-project", "user"]
    assert wheel(made, "my-project").editable == "x"


def test_the_lock_is_stale_when_the_project_says_something_else(root: Path) -> None:
    place = project(root, "x")
    base = BaseIntent(kind="archive", reference="base.tar")
    env = Environment(base=base, requirements=("-e ./x",))
    before = intent.digest(env, root)
    (place / "src/my_project/__init__.py").write_text("VALUE = 2\n")
    assert intent.digest(env, root) == before, "code is of the commit, not of the lock"
    (place / "pyproject.toml").write_text(PROJECT.replace("alpha", "beta"))
    assert intent.digest(env, root) != before


def test_a_copy_of_the_repository_s_own_project_is_refused(
    root: Path, lock: Locker, packages: Index
) -> None:
    project(root, ".")
    packages.files["my_project-0.1-py3-none-any.whl"] = wheel_bytes("my_project", "0.1")
    with pytest.raises(ResolveError, match="my-project is the project of this repo") as caught:
        lock("my-project", place="")
    assert "-e ." in caught.value.next_step
    assert [one.name for one in lock("my-project", place=None).wheels] == ["my-project"]


def test_what_is_not_in_the_repository(root: Path, lock: Locker, packages: Index) -> None:
    project(root.parent, "outside")
    with pytest.raises(ResolveError, match="is not in the repository") as caught:
        lock("-e ../outside", place="")
    assert caught.value.next_step


def test_members_of_a_workspace(
    root: Path, lock: Locker, packages: Index, objects: ObjectStore, talk: Talk
) -> None:
    member = PROJECT.replace("My.Project", "member").replace("my_project", "member")
    project(root, "libs/member", member)
    text = PEP_621.replace('"alpha>=1.0", ', '"alpha>=1.0", "member", ')
    text = text.replace("\"colour>=1.0; sys_platform == 'win32'\"", "")
    text = text.split("[project.optional")[0]
    text += '[tool.uv.workspace]\nmembers = ["libs/*"]\n[tool.uv.sources]\n'
    (root / "pyproject.toml").write_text(text + "member = { workspace = true }\n")
    argv = [find_uv_bin(), "lock", "--quiet", "--default-index", packages.url]
    subprocess.run(argv, cwd=root, check=True)
    made = lock("uv.lock", place="")
    assert [one.name for one in made.wheels] == ["alpha", "member"]
    assert wheel(made, "member").editable == "libs/member"
    assert any("member: a run sees the code of its commit" in note for note in talk.notes)


POETRY = """\
[[package]]
name = "my-project"
version = "1.2"
optional = false
files = []
develop = true
groups = ["main"]

[package.source]
type = "directory"
url = "libs/x"

[metadata]
lock-version = "2.1"
"""


def test_a_path_dependency_of_poetry(root: Path, lock: Locker, packages: Index) -> None:
    (root / "sub").mkdir()
    project(root, "sub/libs/x")
    (root / "sub/poetry.lock").write_text(POETRY)
    (found,) = lock("sub/poetry.lock", place="").wheels
    assert (found.name, found.editable) == ("my-project", "sub/libs/x")


def test_a_lock_and_its_own_project(root: Path, lock: Locker, packages: Index) -> None:
    project(root, ".", PROJECT.replace('dependencies = ["alpha"]', 'dependencies = ["beta<3"]'))
    packages.add("beta", "2.0")
    digest = packages.add("beta", "1.0")
    body = POETRY.replace('name = "my-project"\nversion = "1.2"', 'name = "beta"\nversion = "1.0"')
    body = body.replace(
        "files = []", f'files = [{{file = "beta-1.0-py3-none-any.whl", hash = "{digest}"}}]'
    )
    (root / "poetry.lock").write_text(
        body.replace('[package.source]\ntype = "directory"\nurl = "libs/x"\n', "")
    )
    made = lock("poetry.lock", "-e .", place="")
    assert [(one.name, one.version) for one in made.wheels] == [
        *(("beta", "1.0"), ("my-project", "1.2")),
    ]
