from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Files, an empty directory and a link that stays inside."""
    place = tmp_path / "data"
    (place / "empty").mkdir(parents=True)
    for name in "abc":
        (place / name).write_text(name)
    (place / "link").symlink_to("a")
    return place
