"""Source distributions that cannot be built."""

from __future__ import annotations

import pytest
from lock_world import Index, Locker

from reprobox.errors import BuildError


def test_a_source_that_cannot_be_read_is_named_with_its_version(lock: Locker, index: Index) -> None:
    index.files["alpha-1.0.tar.gz"] = b"source"
    with pytest.raises(BuildError, match=r"the source distribution of alpha 1\.0 cannot be read"):
        lock("alpha==1.0")
