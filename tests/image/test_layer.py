"""Layers: measured once, written again, and held against their digest."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from image_world import Talk

from reprobox.errors import FetchError, HashMismatch
from reprobox.image import layer
from reprobox.image.layer import Hashing, Layer, Recipe, Sink
from reprobox.kit import canon
from reprobox.store.objects import ObjectStore


def test_what_passes_through_is_hashed_and_counted() -> None:
    target = io.BytesIO()
    hashing = Hashing(target)
    for part in (b"ab", b"", b"c"):
        assert hashing.write(part) == len(part)
    assert (target.getvalue(), hashing.size) == (b"abc", 3)
    assert hashing.digest == canon.digest_bytes(b"abc")
    assert Hashing().digest == canon.digest_bytes(b"")


def recipe(texts: list[str], needs: tuple[str, ...] = ()) -> Recipe:
    """Writes the first text, then the next one, as a writer whose objects change would."""

    def write(target: Sink) -> None:
        target.write((texts.pop(0) if len(texts) > 1 else texts[0]).encode())

    return Recipe(name="one", key=["k"], needs=needs, write=write)


def test_a_layer_is_measured_once_and_remembered(objects: ObjectStore) -> None:
    first = layer.measure([recipe(["abc"])], objects, Talk())
    second = layer.measure([recipe(["never written"])], objects, Talk())
    assert first[0].diff_id == second[0].diff_id == canon.digest_bytes(b"abc")
    assert first[0].size == 3
    with pytest.raises(HashMismatch, match="came out as"):
        second[0].write_checked(io.BytesIO())


def test_layers_come_back_in_their_order(objects: ObjectStore) -> None:
    recipes = [
        Recipe(name=str(n), key=n, needs=(), write=lambda to, n=n: to.write(b"x" * n))  # type: ignore[misc]
        for n in range(9)
    ]
    layer.measure(recipes[::2], objects, Talk())
    assert [(one.name, one.size) for one in layer.measure(recipes, objects, Talk())] == [
        (str(n), n) for n in range(9)
    ]


def test_an_object_that_is_damaged_or_absent_is_named_before_anything_is_written(
    objects: ObjectStore,
) -> None:
    digest = objects.put_bytes(b"wheel")
    layer.check_objects("one", [digest], objects)
    path = objects.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"other")
    with pytest.raises(HashMismatch, match=digest) as caught:
        layer.measure([recipe(["a"], (digest,))], objects, Talk())
    assert str(path) in caught.value.why
    with pytest.raises(FetchError):
        layer.check_objects("one", ["sha256:" + "0" * 64], objects)


def test_stored_and_spooled_layers_are_written_again_as_they_are(
    objects: ObjectStore, tmp_path: Path
) -> None:
    kept = layer.stored("base", objects.put_bytes(b"base"), objects)
    folder = tmp_path / "spool"
    folder.mkdir()
    spooled = [
        layer.spooled("s", lambda to, n=n: to.write(b"s" * n), folder)  # type: ignore[misc]
        for n in (1, 2)
    ]
    written = []
    for one in (kept, *spooled):
        target = io.BytesIO()
        one.write_checked(target)
        written.append(target.getvalue())
    assert written == [b"base", b"s", b"ss"]
    assert kept.needs == (kept.diff_id,)


def test_a_layer_of_another_size_is_refused_too() -> None:
    wrong = Layer(
        name="x",
        diff_id=canon.digest_bytes(b"a"),
        size=2,
        needs=(),
        write=lambda to: to.write(b"a"),
    )
    with pytest.raises(HashMismatch):
        wrong.write_checked(io.BytesIO())


def test_a_memo_is_of_one_kind_and_of_one_version_of_the_bytes() -> None:
    keys = {layer.memo_key(kind, key) for kind in ("layer", "apt") for key in (1, "1", [1])}
    assert len(keys) == 6
