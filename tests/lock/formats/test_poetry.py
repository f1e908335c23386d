"""poetry.lock, of new and of old versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from lock_files import POETRY, POETRY_2_1, POETRY_BEFORE
from lock_world import Index, Locker

from reprobox.errors import ReproboxError, ResolveError


@pytest.mark.parametrize("style", [POETRY_2_1, POETRY_BEFORE], ids=["2.1", "before"])
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
    (root / "poetry.lock").write_text(
        POETRY.format(alpha=alpha, gamma=gamma, zero="0" * 64, **POETRY_BEFORE)
    )
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
        POETRY.format(alpha="sha256:" + "1" * 64, gamma=gamma, zero="0" * 64, **POETRY_2_1)
    )
    with pytest.raises(ReproboxError) as caught:
        lock("poetry.lock")
    assert "alpha-1.0-py3-none-any.whl: no index has it" in caught.value.why
