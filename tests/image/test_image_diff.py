"""Two images, compared by layer, package and file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from image_world import Talk, lock_of_small_wheels, put_simple_wheel

from reprobox.engine.docker import DockerEngine
from reprobox.errors import ImageMissing
from reprobox.image.image_diff import diff
from reprobox.model.image import Image
from reprobox.store.objects import ObjectStore

pytestmark = pytest.mark.engine
Composer = Callable[..., Image]


def test_two_images_apart(objects: ObjectStore, engine: DockerEngine, build: Composer) -> None:
    lock = lock_of_small_wheels(objects)
    changed = replace(
        lock,
        wheels=(put_simple_wheel(objects, "alpha", "1.1"), *lock.wheels[2:]),
        image_env={"A": "1"},
    )
    one, other = build(lock), build(changed)
    told = diff(one.tag, other.tag, engine=engine, progress=Talk())
    assert [(one.name, one.left, one.right) for one in told.packages] == [
        ("alpha", "1.0", "1.1"),
        ("delta", "1.0", None),
    ]
    assert {change.name for change in told.layers} == {"4 small wheels", "3 small wheels"}
    assert told.settings["config.Env.A"] == (None, "1")
    files = {
        change.path.removeprefix("opt/venv/lib/python3.11/site-packages/"): change
        for change in told.files
    }
    assert files["alpha/__init__.py"].package == "wheel alpha"
    assert files["alpha/__init__.py"].what.startswith("content")
    assert files["delta/__init__.py"].what == "only in the first"
    assert files["delta/__init__.py"].layer == 4
    assert not [path for path in files if path.startswith(("beta/", "charlie/"))]
    same = diff(one.tag, one.config, engine=engine, progress=Talk())
    assert same.same
    assert not same.files


def test_diff_of_an_absent_image(engine: DockerEngine) -> None:
    with pytest.raises(ImageMissing, match="no image reprobox/lock:absent"):
        diff("reprobox/lock:absent", "reprobox/lock:absent", engine=engine, progress=Talk())
