"""Which file is taken of a package; what is said where none can be."""

from __future__ import annotations

import pytest
from lock_world import Index, Locker, sdist_bytes

from reprobox.errors import ResolveError


def test_static_metadata_is_enough_to_resolve_and_build_no_then_refuses(
    lock: Locker, index: Index
) -> None:
    index.add("alpha", "0.5")
    index.add("beta", "1.0")
    index.files["alpha-1.0.tar.gz"] = sdist_bytes("alpha", "1.0", requires=("beta",))
    with pytest.raises(ResolveError, match="no wheel for 1 package") as caught:
        lock("alpha", build=False)
    assert caught.value.why.startswith("alpha 1.0: it comes as source only (sdist)")
    assert "pip wheel --no-deps 'alpha==1.0'" in caught.value.next_step


def test_wheels_for_other_systems_only_are_refused(lock: Locker, index: Index) -> None:
    index.add("alpha", "1.0", tag="cp311-cp311-win_amd64")
    with pytest.raises(ResolveError) as caught:
        lock("alpha==1.0")
    assert "alpha" in str(caught.value)
