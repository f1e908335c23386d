"""The second composition of a check: from the same objects, under other circumstances."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from image_world import digest_of, lock_of_small_wheels

from reprobox.errors import FetchError
from reprobox.image import recompose
from reprobox.image.layer import Layer
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.store.objects import ObjectStore


def test_the_second_composition_really_is_elsewhere(objects: ObjectStore) -> None:
    """The other process gets the lists in another order, and computes every layer instead of
    remembering it.
    """
    lock = lock_of_small_wheels(objects)
    assert recompose.turned(lock).wheels == lock.wheels[::-1]
    assert recompose.Files({}).memo("anything") is None


def test_objects_are_read_again_and_only_those_that_were_given(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    files = recompose.Files(
        {canon.digest_bytes(b"x"): str(path), canon.digest_bytes(b"y"): str(path)}
    )
    assert files.verify(canon.digest_bytes(b"x"))
    assert not files.verify(canon.digest_bytes(b"y"))
    files.remember("key", 1)
    assert files.memo("key") is None
    with pytest.raises(FetchError):
        files.path(canon.digest_bytes(b"z"))


def test_the_same_image_again_and_what_came_out_otherwise_is_left_as_files(
    objects: ObjectStore, tmp_path: Path
) -> None:
    lock = lock_of_small_wheels(objects)
    request = {
        "lock": codec.to_json(lock),
        "lock_digest": digest_of(lock),
        "paths": {one.sha256: str(objects.path(one.sha256)) for one in lock.wheels},
        "below": [],
        "above": [],
        "expected": [],
        "folder": str(tmp_path),
    }
    first = recompose.compose(request)
    digests = [one["diff_id"] for one in first["layers"]]
    assert recompose.compose({**request, "expected": digests}) == {**first, "files": {}}
    wrong = recompose.compose({**request, "expected": [digests[0], "sha256:" + "0" * 64]})
    assert canon.digest_file(Path(wrong["files"]["1"])) == digests[1]
    assert list(wrong["files"]) == ["1"]


def test_a_layer_that_a_container_made_is_known_and_not_written() -> None:
    known: Layer = recompose._known({"name": "base", "diff_id": "sha256:0", "size": 3})
    with pytest.raises(FetchError, match="does not write 'base'"):
        known.write(io.BytesIO())
