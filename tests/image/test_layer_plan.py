"""A lock on paper: which layers there are, in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from image_world import make_lock, put_base

from reprobox.image import layer_plan
from reprobox.image.layer_plan import names
from reprobox.image.paths import BIG_WHEEL, MAX_LAYERS
from reprobox.model.lock import Deb, Lock, Wheel
from reprobox.store.objects import ObjectStore

OTHER = "sha256:" + "7" * 64


def test_names_of_layers_that_containers_make(objects: ObjectStore) -> None:
    base = replace(put_base(objects, "base"), kind="debian", reference="bookworm")
    deb = Deb(name="jq", version="1", architecture="amd64", filename="jq.deb", sha256=OTHER, size=1)
    lock = make_lock(base, debs=(deb,), bytecode=True)
    assert names(lock) == ["base debian bookworm", "apt 1 packages", "venv", "bytecode"]


def wheel(name: str, size: int) -> Wheel:
    return Wheel(name=name, version="1", filename=f"{name}-1.whl", sha256=OTHER, size=size)


def lock_of(objects: ObjectStore, *wheels: Wheel, layers: int = 1) -> Lock:
    return make_lock(put_base(objects, *(f"layer {n}" for n in range(layers))), wheels=wheels)


def test_big_wheels_have_a_layer_each_biggest_first_and_small_ones_share_the_last(
    objects: ObjectStore,
) -> None:
    wheels = (
        wheel("b", BIG_WHEEL - 1),
        wheel("torch", BIG_WHEEL * 2),
        wheel("a", 1),
        wheel("jax", BIG_WHEEL),
    )
    found = layer_plan.recipes(lock_of(objects, *wheels), 1, objects)
    assert [one.name for one in found] == ["venv", "wheel torch 1", "wheel jax 1", "2 small wheels"]
    assert [name for name, _ in found[-1].key["wheels"]] == ["a-1.whl", "b-1.whl"]


def test_the_order_of_the_lock_s_list_does_not_matter(objects: ObjectStore) -> None:
    wheels = [wheel(name, size) for name, size in (("b", 2), ("a", 2), ("c", BIG_WHEEL))]
    one, other = (lock_of(objects, *order) for order in (wheels, wheels[::-1]))
    keys = [
        [recipe.key for recipe in layer_plan.recipes(lock, 1, objects)] for lock in (one, other)
    ]
    assert keys[0] == keys[1]
    assert names(one) == names(other)


@pytest.mark.parametrize("below", [1, 50, 90])
def test_however_many_big_wheels_there_are_the_engine_takes_the_layers(
    objects: ObjectStore, below: int
) -> None:
    wheels = [wheel(f"w{n:03}", BIG_WHEEL + n) for n in range(150)]
    lock = lock_of(objects, *wheels, layers=below)
    assert len(names(lock)) <= MAX_LAYERS
    assert sum(len(one.needs) for one in layer_plan.recipes(lock, below, objects)) == 150


def test_without_a_wheel_there_is_the_environment_alone(objects: ObjectStore) -> None:
    assert [one.name for one in layer_plan.recipes(lock_of(objects), 1, objects)] == ["venv"]
