"""uv.lock."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lock_files import names
from lock_world import Index, Locker
from uv import find_uv_bin


def test_uv_lock(lock: Locker, root: Path, index: Index) -> None:
    for version in ("1.0", "2.0"):
        index.add("alpha", version)
    index.add("devtool", "1.0")
    project = '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["alpha<2"]\n'
    (root / "pyproject.toml").write_text(project + '[dependency-groups]\ndev = ["devtool"]\n')
    subprocess.run(
        [find_uv_bin(), "lock", "--quiet", "--default-index", index.url], cwd=root, check=True
    )
    assert names(lock("uv.lock")) == ["alpha-1.0-py3-none-any.whl"]
