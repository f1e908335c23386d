"""A temporary directory and a store that are two mounts of one device, as in dev containers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MOVE = """
import sys
from pathlib import Path
from reprobox.store.objects import ObjectStore
path = Path(sys.argv[2]) / "made"
path.write_bytes(b"bytes")
store = ObjectStore(Path(sys.argv[1]))
digest = store.put_file(path, move=True)
assert store.path(digest).read_bytes() == b"bytes"
assert not path.exists()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_a_file_is_moved_into_the_store_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "tmp").mkdir()
    mount = f"mount --bind '{tmp_path}/tmp' '{tmp_path}/tmp'"
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh"),
            *(sys.executable, "-c", MOVE, str(tmp_path / "store"), str(tmp_path / "tmp")),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
