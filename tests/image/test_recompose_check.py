"""`build --check` and `image diff` on small images: what they find, and that they find nothing
where nothing is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from image_world import Talk, digest_of, lock_of_small_wheels, make_lock

from reprobox.engine.docker import DockerEngine
from reprobox.errors import ImageError
from reprobox.image import layer, layer_plan
from reprobox.image.recompose_check import check
from reprobox.model.image import Image
from reprobox.model.lock import BaseLock, Expected, Lock
from reprobox.store.objects import ObjectStore

pytestmark = pytest.mark.engine
Composer = Callable[..., Image]


def checked(lock: Lock, objects: ObjectStore, engine: DockerEngine) -> list[tuple[str, str, str]]:
    found = check(lock, digest_of(lock), objects=objects, engine=engine, progress=Talk())
    return [(one.layer, one.path, one.what) for one in found]


def test_a_second_composition_elsewhere_is_the_same(
    objects: ObjectStore, engine: DockerEngine
) -> None:
    assert checked(lock_of_small_wheels(objects), objects, engine) == []


def test_a_layer_that_is_remembered_wrongly_is_named(
    objects: ObjectStore, engine: DockerEngine
) -> None:
    """A memo that is wrong (another version's, say) would give another image for ever; the check
    computes and finds it.
    """
    lock = lock_of_small_wheels(objects)
    recipe = layer_plan.recipes(lock, 2, objects)[-1]
    key = layer.memo_key("layer", recipe.key)
    layer_plan.plan(lock, digest_of(lock), objects=objects, engine=engine, progress=Talk())
    objects.remember(key, {"diff_id": "sha256:" + "7" * 64, "size": 10})
    layers = {name for name, _, _ in checked(lock, objects, engine)}
    assert layers == {"4 small wheels", "config", "manifest"}


def test_what_the_lock_expects_is_compared_too(objects: ObjectStore, engine: DockerEngine) -> None:
    lock = lock_of_small_wheels(objects)
    wrong = replace(
        lock,
        image=Expected(config="sha256:" + "8" * 64, manifest="sha256:" + "9" * 64, diff_ids=()),
    )
    assert {name for name, _, _ in checked(wrong, objects, engine)} == {"lock"}


def test_a_base_without_packages_is_refused(objects: ObjectStore, engine: DockerEngine) -> None:
    with pytest.raises(ImageError, match="no packages"):
        checked(make_lock(BaseLock(kind="debian", reference="bookworm")), objects, engine)
