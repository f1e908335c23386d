"""A whole lock: what is kept of the previous one, what is reported."""

from __future__ import annotations

from pathlib import Path

from lock_world import NOW, Index, Locker, Talk, rootfs

from reprobox.store.objects import ObjectStore


def test_the_wheel_is_for_the_image_and_not_for_the_host(lock: Locker, root: Path) -> None:
    (root / "base.tar").write_bytes(rootfs(python="3.13"))
    made = lock("markupsafe==3.0.2", python="3.13")
    assert made.wheels[0].filename.startswith("MarkupSafe-3.0.2-cp313-cp313-manylinux")


def test_a_fresh_lock_is_only_completed(lock: Locker, index: Index, objects: ObjectStore) -> None:
    index.add("alpha", "1.0")
    first = lock("alpha")
    index.add("alpha", "2.0")
    objects.remove(first.wheels[0].sha256)
    assert lock("alpha", previous=first, now=NOW + 9) == first
    assert objects.has(first.wheels[0].sha256)


def test_progress_counts_what_came(lock: Locker, index: Index, talk: Talk) -> None:
    index.add("alpha", "1.0")
    made = lock("alpha")
    assert talk.bars["fetching wheels"] == made.wheels[0].size
