"""pyproject.toml, resolved."""

from __future__ import annotations

from pathlib import Path

from lock_files import names
from lock_world import Index, Locker


def test_pyproject_is_resolved_with_its_markers(lock: Locker, root: Path, index: Index) -> None:
    index.add("alpha", "1.0", requires=("beta",))
    index.add("beta", "1.0")
    text = '[project]\nname = "mine"\nversion = "1"\ndependencies = ["alpha", "gamma; sys_platform == \'win32\'"]\n'
    (root / "pyproject.toml").write_text(text)
    assert names(lock("pyproject.toml")) == [
        "alpha-1.0-py3-none-any.whl",
        "beta-1.0-py3-none-any.whl",
    ]
