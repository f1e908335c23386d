"""Locks that are older than their manifests, by the hashes that the real tools wrote."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reprobox.errors import ResolveError
from reprobox.lock.formats import manifest_hash, pyproject

FILES = Path(__file__).parent / "files"


def _toml(
    hash_of: Callable[[dict[str, Any]], Any], check: Callable[..., None]
) -> Callable[..., None]:
    def run(lock: Path) -> None:
        noted = hash_of(tomllib.loads(lock.read_text())["metadata"])
        check(lock, noted, pyproject.read(lock.with_name("pyproject.toml")))

    return run


def _pipfile(lock: Path) -> None:
    manifest_hash.check_pipfile(lock, json.loads(lock.read_text())["_meta"])


POETRY = _toml(lambda metadata: metadata["content-hash"], manifest_hash.check_poetry)
PDM = _toml(lambda metadata: metadata["content_hash"], manifest_hash.check_pdm)
TOOLS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "poetry1": ("poetry.lock", "pyproject.toml", POETRY),
    "poetry2": ("poetry.lock", "pyproject.toml", POETRY),
    "pdm": ("pdm.lock", "pyproject.toml", PDM),
    "pipenv": ("Pipfile.lock", "Pipfile", _pipfile),
}
CHANGES = {
    "poetry1": [('alpha = "^1.0"', 'alpha = "^2.0"'), ('devtool = "*"', 'devtool = "^3"')],
    "poetry2": [("alpha>=1.0", "alpha>=2.0"), (">=3.11,<4.0", ">=3.12,<4.0")],
    "pdm": [("alpha>=1.0", "alpha>=2.0"), ('dev = ["devtool"]', 'dev = ["devtool>2"]')],
    "pipenv": [('alpha = "==1.0"', 'alpha = "==2.0"'), ('devtool = "*"', 'devtool = ">2"')],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_changed_manifest_makes_the_lock_old(tool: str, tmp_path: Path) -> None:
    lock, manifest, check = TOOLS[tool]
    text = (FILES / tool / manifest).read_text()
    (tmp_path / lock).write_bytes((FILES / tool / lock).read_bytes())
    (tmp_path / manifest).write_text(text)
    check(tmp_path / lock)
    (tmp_path / manifest).write_text(
        text.replace('version = "0.1.0"', 'version = "0.2.0"') + "\n# x"
    )
    check(tmp_path / lock)
    for before, after in CHANGES[tool]:
        assert before in text
        (tmp_path / manifest).write_text(text.replace(before, after))
        with pytest.raises(ResolveError, match=rf"{lock} is older than the {manifest}") as caught:
            check(tmp_path / lock)
        command = lock.removesuffix(".lock").lower().replace("pipfile", "pipenv")
        assert f"run `{command} lock` in its project" in caught.value.next_step
    (tmp_path / manifest).unlink()
    if manifest == "Pipfile":
        check(tmp_path / lock)


def test_groups_count_where_the_poetry_that_locked_counted_them(tmp_path: Path) -> None:
    """Since 2.3 the hash has PEP 735's groups."""
    document = pyproject.read(FILES / "poetry2/pyproject.toml")
    path = FILES / "poetry2/poetry.lock"
    noted = tomllib.loads(path.read_text())["metadata"]["content-hash"]
    document["dependency-groups"]["dev"] = ["devtool>2"]
    by = path.read_text().partition("Poetry ")[2].split()[0]
    if tuple(map(int, by.split(".")[:2])) >= (2, 3):
        with pytest.raises(ResolveError, match="is older"):
            manifest_hash.check_poetry(path, noted, document)
    else:
        manifest_hash.check_poetry(path, noted, document)
