"""Locks that people already have, taken as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lock_world import Index, Locker
from uv import find_uv_bin

from reprobox.errors import HashMismatch, LockInvalid, NewerFormat, ReproboxError, ResolveError

NATIVE = "cp311-cp311-manylinux_2_17_x86_64"


def _names(made: object) -> list[str]:
    return [wheel.filename for wheel in made.wheels]  # type: ignore[attr-defined]


def _pylock(
    index: Index, packages: str, head: str = 'lock-version = "1.0"\ncreated-by = "test"\n'
) -> str:
    return head + packages.replace("URL", f"http://127.0.0.1:{index.port}/files")


def _wheel(digest: str, name: str, key: str = "url") -> str:
    value = {"url": f"URL/{name}", "path": f"./vendored/{name}"}[key]
    return f'{{ {key} = "{value}", hashes = {{ sha256 = "{digest.removeprefix("sha256:")}" }} }}'


def test_pyproject_is_resolved_with_its_markers(lock: Locker, root: Path, index: Index) -> None:
    index.add("alpha", "1.0", requires=("beta",))
    index.add("beta", "1.0")
    text = '[project]\nname = "mine"\nversion = "1"\ndependencies = ["alpha", "gamma; sys_platform == \'win32\'"]\n'
    (root / "pyproject.toml").write_text(text)
    assert _names(lock("pyproject.toml")) == [
        "alpha-1.0-py3-none-any.whl",
        "beta-1.0-py3-none-any.whl",
    ]


def test_extras_constraints_and_includes_are_uvs(lock: Locker, root: Path, index: Index) -> None:
    index.add("alpha", "1.0", requires=("beta ; extra == 'more'",))
    for version in ("1.0", "2.0"):
        index.add("beta", version)
    (root / "requirements.txt").write_text("-r more.txt\n-c limits.txt\n")
    (root / "more.txt").write_text("alpha[more]\n")
    (root / "limits.txt").write_text("beta<2\n")
    assert _names(lock("requirements.txt")) == [
        "alpha-1.0-py3-none-any.whl",
        "beta-1.0-py3-none-any.whl",
    ]


def test_pylock_chooses_by_marker_and_tag(lock: Locker, root: Path, index: Index) -> None:
    native, pure, other = (
        index.add("alpha", "1.0", tag=NATIVE),
        index.add("alpha", "1.0"),
        index.add("beta", "1.0"),
    )
    wheels = ", ".join(
        [_wheel(pure, "alpha-1.0-py3-none-any.whl"), _wheel(native, f"alpha-1.0-{NATIVE}.whl")]
    )
    text = f'[[packages]]\nname = "alpha"\nversion = "1.0"\nwheels = [{wheels}]\n[[packages]]\nname = "beta"\nversion = "1.0"\n'
    text += f"marker = \"sys_platform == 'win32'\"\nwheels = [{_wheel(other, 'beta-1.0-py3-none-any.whl')}]\n"
    (root / "pylock.toml").write_text(_pylock(index, text))
    made = lock("pylock.toml")
    assert [(wheel.filename, wheel.sha256) for wheel in made.wheels] == [
        (f"alpha-1.0-{NATIVE}.whl", native)
    ]


def test_pylock_with_paths_and_groups(lock: Locker, root: Path, index: Index) -> None:
    digest = index.add("alpha", "1.0")
    (root / "vendored").mkdir()
    (root / "vendored" / "alpha-1.0-py3-none-any.whl").write_bytes(
        index.files.pop("alpha-1.0-py3-none-any.whl")
    )
    body = '[[packages]]\nname = "alpha"\nversion = "1.0"\nmarker = "\'main\' in dependency_groups"\nwheels = ['
    head = 'lock-version = "1.0"\ncreated-by = "test"\ndefault-groups = ["main"]\n'
    (root / "pylock.exp.toml").write_text(
        _pylock(index, f"{body}{_wheel(digest, 'alpha-1.0-py3-none-any.whl', 'path')}]\n", head)
    )
    assert lock("pylock.exp.toml").wheels[0].sha256 == digest


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('lock-version = "2.0"\n', NewerFormat, "lock-version 2.0"),
        ('created-by = "x"\n', LockInvalid, "not a pylock file"),
        ("[[", LockInvalid, "not a pylock file"),
        (
            'lock-version = "1.0"\nrequires-python = ">=3.12"\n',
            ResolveError,
            "is for Python >=3.12",
        ),
        (
            'lock-version = "1.0"\nenvironments = ["sys_platform == \'win32\'"]\n',
            ResolveError,
            "not for this platform",
        ),
        (
            'lock-version = "1.0"\n[[packages]]\nname = "alpha"\nversion = "1"\nsdist = {}\n',
            ResolveError,
            "no wheel for 1",
        ),
        (
            'lock-version = "1.0"\n[[packages]]\nname = "alpha"\ndirectory = {}\n',
            ResolveError,
            "no wheel for 1",
        ),
    ],
)
def test_pylock_that_cannot_be_taken(
    lock: Locker, root: Path, text: str, error: type[ReproboxError], said: str
) -> None:
    (root / "pylock.toml").write_text(text)
    with pytest.raises(error, match=said) as caught:
        lock("pylock.toml")
    assert caught.value.next_step


def test_uv_lock(lock: Locker, root: Path, index: Index) -> None:
    for version in ("1.0", "2.0"):
        index.add("alpha", version)
    index.add("devtool", "1.0")
    project = '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["alpha<2"]\n'
    (root / "pyproject.toml").write_text(project + '[dependency-groups]\ndev = ["devtool"]\n')
    subprocess.run(
        [find_uv_bin(), "lock", "--quiet", "--default-index", index.url], cwd=root, check=True
    )
    assert _names(lock("uv.lock")) == ["alpha-1.0-py3-none-any.whl"]


POETRY = """\
[[package]]
name = "Alpha"
version = "1.0"
optional = false
files = [{{file = "alpha-1.0.tar.gz", hash = "sha256:{zero}"}}, {{file = "alpha-1.0-py3-none-any.whl", hash = "{alpha}"}}]
{alpha_more}
[package.dependencies]
beta = {{version = "*", markers = "sys_platform == \\"win32\\""}}
gamma = "*"

[[package]]
name = "beta"
version = "1.0"
optional = false
files = [{{file = "beta-1.0-cp311-cp311-win_amd64.whl", hash = "sha256:{zero}"}}]
{beta_more}
[[package]]
name = "gamma"
version = "1.0"
optional = false
files = [{{file = "gamma-1.0-py3-none-any.whl", hash = "{gamma}"}}]
{gamma_more}
[[package]]
name = "delta"
version = "1.0"
optional = {delta_optional}
files = []
{delta_more}
[metadata]
lock-version = "2.1"
"""
NEW = {
    "alpha_more": 'groups = ["main"]',
    "beta_more": 'groups = ["main"]\nmarkers = "sys_platform == \'win32\'"',
    "gamma_more": 'groups = ["main", "dev"]',
    "delta_more": 'groups = ["dev"]',
    "delta_optional": "false",
}
OLD = {
    "alpha_more": "",
    "beta_more": "",
    "gamma_more": "",
    "delta_more": "",
    "delta_optional": "true",
}


@pytest.mark.parametrize("style", [NEW, OLD], ids=["2.1", "before"])
def test_poetry_lock(lock: Locker, root: Path, index: Index, style: dict[str, str]) -> None:
    alpha, gamma = index.add("alpha", "1.0"), index.add("gamma", "1.0")
    (root / "poetry.lock").write_text(
        POETRY.format(alpha=alpha, gamma=gamma, zero="0" * 64, **style)
    )
    made = lock("poetry.lock")
    assert [(wheel.name, wheel.sha256) for wheel in made.wheels] == [
        ("alpha", alpha),
        ("gamma", gamma),
    ]


def test_poetry_lock_with_what_the_project_asks_for_itself(
    lock: Locker, root: Path, index: Index
) -> None:
    alpha, gamma = index.add("alpha", "1.0"), index.add("gamma", "1.0")
    (root / "poetry.lock").write_text(POETRY.format(alpha=alpha, gamma=gamma, zero="0" * 64, **OLD))
    (root / "pyproject.toml").write_text(
        '[tool.poetry.dependencies]\npython = "^3.11"\nBeta = "*"\n'
    )
    with pytest.raises(ResolveError, match="no wheel for 1") as caught:
        lock("poetry.lock")
    assert caught.value.why.startswith("beta 1.0: none of its wheels fits")


def test_a_lock_whose_bytes_no_index_has(lock: Locker, root: Path, index: Index) -> None:
    gamma = index.add("gamma", "1.0")
    index.add("alpha", "1.0")
    (root / "poetry.lock").write_text(
        POETRY.format(alpha="sha256:" + "1" * 64, gamma=gamma, zero="0" * 64, **NEW)
    )
    with pytest.raises(ReproboxError) as caught:
        lock("poetry.lock")
    assert "alpha-1.0-py3-none-any.whl: no index has it" in caught.value.why


def test_a_lock_and_requirements_must_agree(lock: Locker, root: Path, index: Index) -> None:
    alpha = index.add("alpha", "1.0")
    index.add("alpha", "2.0")
    index.add("beta", "1.0", requires=("alpha",))
    wheel = _wheel(alpha, "alpha-1.0-py3-none-any.whl")
    (root / "pylock.toml").write_text(
        _pylock(index, f'[[packages]]\nname = "alpha"\nversion = "1.0"\nwheels = [{wheel}]\n')
    )
    made = lock("pylock.toml", "beta")
    assert [(wheel.name, wheel.version) for wheel in made.wheels] == [
        ("alpha", "1.0"),
        ("beta", "1.0"),
    ]
    with pytest.raises(ResolveError):
        lock("pylock.toml", "alpha==2.0")


def test_a_flipped_byte_in_a_vendored_wheel(lock: Locker, root: Path, index: Index) -> None:
    digest = index.add("alpha", "1.0")
    (root / "vendored").mkdir()
    (root / "vendored" / "alpha-1.0-py3-none-any.whl").write_bytes(
        index.files["alpha-1.0-py3-none-any.whl"][:-1] + b"\x01"
    )
    wheel = _wheel(digest, "alpha-1.0-py3-none-any.whl", "path")
    (root / "pylock.toml").write_text(
        _pylock(index, f'[[packages]]\nname = "alpha"\nversion = "1.0"\nwheels = [{wheel}]\n')
    )
    with pytest.raises(HashMismatch):
        lock("pylock.toml")
