"""The injected runtimes of releases are those of their sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reprobox.runtime import releases, runtime_pack

TOP = Path(__file__).parents[2]


def test_each_digest_is_computed_again_from_the_sources_of_its_commit() -> None:
    done = subprocess.run(
        [TOP / "scripts" / "runtimes"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("as listed") == len(releases.RELEASES)


def test_known_are_those_of_releases_and_our_own() -> None:
    own = runtime_pack.digest(runtime_pack.payload())
    assert releases.is_known(own)
    assert {releases.release_of(one) for one in releases.RELEASES} == {"0.1.0"}
    other = {**runtime_pack.payload(), "sitecustomize.py": b""}
    assert not releases.is_known(runtime_pack.digest(other))
