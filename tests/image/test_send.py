"""An engine whose disk is really full in the middle of a load: a file system of its own, too small
at first.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator

import pytest
from image_world import Talk, digest_of, make_lock, put_base, put_wheel, wheel_bytes
from second_engine import SecondEngine

from reprobox.errors import ImageError
from reprobox.image.compose import compose
from reprobox.model.image import tag_of
from reprobox.store.objects import ObjectStore

pytestmark = pytest.mark.engine


def tmpfs(engine: SecondEngine, size: str, *more: str) -> None:
    data = engine.top / "data"
    data.mkdir(exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join([*more, f"size={size}"]), "tmpfs", str(data)],
        check=True,
    )


@pytest.fixture
def small_disk() -> Iterator[SecondEngine]:
    made = SecondEngine()
    tmpfs(made, "60m")
    try:
        yield made.start()
    finally:
        made.close()


def test_the_second_try_succeeds_when_there_is_room(
    small_disk: SecondEngine, objects: ObjectStore
) -> None:
    data = wheel_bytes("big", "1.0", {"big/data.bin": random.Random(7).randbytes(80 << 20)})
    lock = make_lock(put_base(objects, "base"), wheels=(put_wheel(objects, "big", "1.0", data),))
    ports = {"objects": objects, "engine": small_disk.engine, "progress": Talk()}
    with pytest.raises(ImageError, match="did not take the image") as caught:
        compose(lock, digest_of(lock), **ports)
    assert "no space left on device" in caught.value.why
    assert "disk is full" in caught.value.next_step
    assert small_disk.engine.inspect(tag_of(digest_of(lock))) is None
    assert small_disk.engine.chains() == []
    tmpfs(small_disk, "600m", "remount")
    image = compose(lock, digest_of(lock), **ports)
    there = small_disk.engine.inspect(image.tag)
    assert there is not None
    assert there.id == image.config
