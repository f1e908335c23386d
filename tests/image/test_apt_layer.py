"""The layer of system packages, where it is in the store already. test_bootstrap.py makes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from image_world import Talk, deb_bytes, make_lock, put_base, put_deb

from reprobox.errors import FetchError, HashMismatch
from reprobox.image import apt_layer
from reprobox.image.layer import stored
from reprobox.store.objects import ObjectStore

NO_ENGINE: Any = object()


def test_packages_and_the_layers_below_decide_the_memo(objects: ObjectStore) -> None:
    debs = tuple(put_deb(objects, name, deb_bytes(name, {})) for name in ("a", "b"))
    lock = make_lock(put_base(objects, "base"), debs=debs)
    key = apt_layer.key_of(lock, ["x"])
    assert key == apt_layer.key_of(replace(lock, debs=debs[::-1]), ["x"])
    assert key != apt_layer.key_of(lock, ["y"])
    assert key != apt_layer.key_of(replace(lock, debs=debs[:1]), ["x"])
    assert apt_layer.name_of(lock) == "apt 2 packages"


def test_a_layer_that_was_made_before_needs_no_engine(objects: ObjectStore) -> None:
    lock = make_lock(put_base(objects, "base"), debs=(put_deb(objects, "a", deb_bytes("a", {})),))
    below = (stored("base", lock.base.diff_ids[0], objects),)
    digest = objects.put_bytes(b"made before")
    objects.remember(apt_layer.key_of(lock, [one.diff_id for one in below]), digest)
    found = apt_layer.layer(lock, below, objects=objects, engine=NO_ENGINE, progress=Talk())
    assert (found.name, found.diff_id) == ("apt 1 packages", digest)


def test_a_package_that_is_damaged_or_absent_is_refused_before_the_engine_is_asked(
    objects: ObjectStore,
) -> None:
    deb = put_deb(objects, "a", deb_bytes("a", {}))
    lock = make_lock(put_base(objects, "base"), debs=(deb,))
    path = objects.path(deb.sha256)
    path.chmod(0o644)
    path.write_bytes(b"other")
    for fault in (HashMismatch, FetchError):
        with pytest.raises(fault):
            apt_layer.layer(lock, (), objects=objects, engine=NO_ENGINE, progress=Talk())
        path.unlink(missing_ok=True)
