"""What uv resolves: pins are kept, contradictions are explained."""

from __future__ import annotations

import pytest
from lock_files import versions
from lock_world import NOW, Index, Locker

from reprobox.errors import ResolveError


def test_pins_are_kept_until_they_are_to_be_upgraded(lock: Locker, index: Index) -> None:
    for version in ("1.0", "2.0"):
        index.add("alpha", version, requires=("beta",))
        index.add("beta", version)
    first = lock("alpha==1.0", "beta==1.0")
    looser = lock("alpha", "beta", previous=first, now=NOW + 5)
    assert versions(looser) == {"alpha": "1.0", "beta": "1.0"}
    assert (looser.timestamp, looser.intent == first.intent) == (NOW, False)
    one = lock("alpha", "beta", previous=looser, upgrade_packages=("Beta",), now=NOW + 6)
    assert (versions(one), one.timestamp) == ({"alpha": "1.0", "beta": "2.0"}, NOW + 6)
    every = lock("alpha", "beta", previous=looser, upgrade=True)
    assert versions(every) == {"alpha": "2.0", "beta": "2.0"}
    with pytest.raises(ResolveError, match="has no package gamma"):
        lock("alpha", "beta", previous=looser, upgrade_packages=("gamma",))


def test_a_contradiction_is_told_in_uvs_words(lock: Locker, index: Index) -> None:
    index.add("alpha", "1.0", requires=("beta<1",))
    index.add("beta", "1.0")
    with pytest.raises(ResolveError, match="no set of packages") as caught:
        lock("alpha", "beta==1.0")
    assert "beta" in caught.value.why
