"""Archives of somebody else's making: what they hold is taken by digest, or refused with a reason;
never a traceback.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from image_world import (
    Talk,
    digest_of,
    make_lock,
    put_base,
    put_simple_wheel,
    put_wheel,
    wheel_bytes,
)

from reprobox.errors import HashMismatch, ImageMismatch
from reprobox.image import load_archive, stored_archive
from reprobox.image.compose import draw
from reprobox.image.engine_check import verify_recorded
from reprobox.image.oci_documents import Composition
from reprobox.image.restore import follows
from reprobox.model.image import EngineImage
from reprobox.model.lock import Lock
from reprobox.store.objects import ObjectStore

OTHER = "sha256:" + "1" * 64


class Nowhere:
    def write(self, data: bytes, /) -> int:
        return len(data)


@pytest.fixture
def drawn(objects: ObjectStore) -> Composition:
    lock = make_lock(put_base(objects, "base"), wheels=(put_simple_wheel(objects, "alpha"),))
    no_engine: Any = None
    return draw(lock, digest_of(lock), objects=objects, engine=no_engine, progress=Talk())


@pytest.fixture
def path(drawn: Composition, objects: ObjectStore, tmp_path: Path) -> Path:
    copied = tmp_path / "archive.tar"
    copied.write_bytes(objects.path(load_archive.keep(drawn, objects, Talk())).read_bytes())
    return copied


def test_a_kept_archive_is_the_image(
    drawn: Composition, path: Path, objects: ObjectStore, tmp_path: Path
) -> None:
    found = stored_archive.read(path, drawn.image)
    assert (found.config, found.manifest, found.image) == (
        drawn.config,
        drawn.manifest,
        drawn.image,
    )
    with (tmp_path / "again.tar").open("wb") as file:
        load_archive.write(found, file, objects=objects, progress=Talk())
    assert (tmp_path / "again.tar").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("field", ["config", "manifest", "diff_ids", "settings"])
def test_what_the_record_says_must_follow_from_the_digests(
    drawn: Composition, path: Path, field: str
) -> None:
    lie: Any = {"diff_ids": drawn.image.diff_ids[:-1], "settings": {"Env": ["LD_PRELOAD=/x"]}}.get(
        field, OTHER
    )
    with pytest.raises(ImageMismatch):
        stored_archive.read(path, replace(drawn.image, **{field: lie}))


def test_changed_bytes_are_found_at_the_latest_when_they_are_sent(
    drawn: Composition, path: Path, objects: ObjectStore
) -> None:
    data = path.read_bytes()
    for changed in _changed(data):
        path.write_bytes(changed)
        try:
            found = stored_archive.read(path, drawn.image)
            load_archive.write(found, Nowhere(), objects=objects, progress=Talk())
        except (ImageMismatch, HashMismatch):
            continue
        # Names, times and our own index are no part of the image.
        assert [layer.diff_id for layer in found.layers] == list(drawn.image.diff_ids)


def _changed(data: bytes) -> Iterator[bytes]:
    draw_ = random.Random(7)
    yield from (b"", b"\0" * 1024, b"no archive", data[:700], data[: len(data) // 2])
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(draw_.choice((1, 1, 4))):
            changed[draw_.randrange(len(changed))] = draw_.randrange(256)
        yield bytes(changed)


def locks(objects: ObjectStore) -> Iterator[Lock]:
    wheels = [put_simple_wheel(objects, name) for name in ("alpha", "beta", "gamma")]
    big = replace(
        put_wheel(
            objects, "delta", "1.0", wheel_bytes("delta", "1.0", {"delta/x": bytes(9_000_000)})
        ),
        name="delta",
    )
    for base in (put_base(objects, "base"), put_base(objects, "one", "two")):
        for some in ((), tuple(wheels), (*wheels, big)):
            yield make_lock(base, wheels=some)


def test_a_config_digest_is_shown_to_be_over_layers_and_settings_from_the_lock_alone(
    objects: ObjectStore,
) -> None:
    no_engine: Any = None
    for lock in locks(objects):
        image = draw(
            lock, digest_of(lock), objects=objects, engine=no_engine, progress=Talk()
        ).image
        assert follows(image, lock)
        for lie in (
            replace(image, config=OTHER),
            replace(image, diff_ids=(*image.diff_ids[:-1], OTHER)),
            replace(image, diff_ids=image.diff_ids[:-1]),
            replace(image, settings={**image.settings, "Env": ["LD_PRELOAD=/x"]}),
        ):
            assert not follows(lie, lock)


def test_an_image_of_another_id_counts_only_where_the_record_is_shown_to_be_right(
    drawn: Composition,
) -> None:
    image = drawn.image
    there = EngineImage(id=OTHER, diff_ids=image.diff_ids, config=image.settings)
    assert verify_recorded(there, image, lambda: True) == []
    assert verify_recorded(there, image, lambda: False) != []
    by_manifest = replace(
        there, id=image.manifest, config={**image.settings, "Env": ["LD_PRELOAD=/x"]}
    )
    assert verify_recorded(by_manifest, image, lambda: True) != []
    assert verify_recorded(replace(there, id=image.config, config={}), image, lambda: False) == []
