"""requirements.txt, with what it includes."""

from __future__ import annotations

from pathlib import Path

from lock_files import names
from lock_world import Index, Locker


def test_extras_constraints_and_includes_are_uvs(lock: Locker, root: Path, index: Index) -> None:
    index.add("alpha", "1.0", requires=("beta ; extra == 'more'",))
    for version in ("1.0", "2.0"):
        index.add("beta", version)
    (root / "requirements.txt").write_text("-r more.txt\n-c limits.txt\n")
    (root / "more.txt").write_text("alpha[more]\n")
    (root / "limits.txt").write_text("beta<2\n")
    assert names(lock("requirements.txt")) == [
        "alpha-1.0-py3-none-any.whl",
        "beta-1.0-py3-none-any.whl",
    ]
