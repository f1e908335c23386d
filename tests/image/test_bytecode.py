"""The layer of compiled Python, where it is in the store already. test_engine_check.py makes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from attest_world import a_record
from image_world import Talk, make_lock, put_base

from reprobox.image import bytecode
from reprobox.image.layer import stored
from reprobox.model.lock import Python
from reprobox.store.objects import ObjectStore


def test_the_layers_below_decide_it_in_their_order() -> None:
    keys = {bytecode.key_of(below) for below in (["a", "b"], ["b", "a"], ["a"], [])}
    assert len(keys) == 4
    assert bytecode.key_of(("a", "b")) == bytecode.key_of(["a", "b"])


def test_a_layer_that_was_made_before_needs_no_engine(objects: ObjectStore) -> None:
    lock = make_lock(put_base(objects, "base"), bytecode=True)
    below = (stored("base", lock.base.diff_ids[0], objects),)
    digest = objects.put_bytes(b"made before")
    objects.remember(bytecode.key_of([one.diff_id for one in below]), digest)
    no_engine: Any = object()
    found = bytecode.layer(lock, below, objects=objects, engine=no_engine, progress=Talk())
    assert (found.name, found.diff_id) == (bytecode.NAME, digest)


def test_debian_s_interpreter_has_its_own_bytecode() -> None:
    python = a_record().intent.lock.python
    assert list(bytecode._folders(python)) == ["opt/venv/lib/python3.11/site-packages"]
    named: Any = object()
    folders = list(
        bytecode._folders(replace(Python(version="3.12", executable="/x"), standalone=named))
    )
    assert len(folders) == 2
    assert folders[1].endswith("/lib/python3.12")
