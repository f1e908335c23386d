"""The room under a scanner of Python code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_a_scanner_finds_nothing() -> None:
    """bandit, a scanner for Python; what it may not mind is marked where it is."""
    room = Path(__file__).resolve().parents[2] / "reprobox" / "web"
    done = subprocess.run(
        [sys.executable, "-m", "bandit", "-q", "-r", str(room), "-f", "json"],
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)["results"]
    assert [(one["test_id"], one["filename"], one["line_number"]) for one in found] == []
