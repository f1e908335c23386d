"""The archive that every engine finds its form in."""

from __future__ import annotations

import io
import json
import tarfile

import pytest
from image_world import Talk

from reprobox.errors import HashMismatch
from reprobox.image import load_archive
from reprobox.image.layer import Layer
from reprobox.image.oci_documents import Composition, of_layers
from reprobox.kit import canon
from reprobox.store.objects import ObjectStore


def layer(text: bytes, *, written: bytes | None = None) -> Layer:
    return Layer(
        name=text.decode(),
        diff_id=canon.digest_bytes(text),
        size=len(text),
        needs=(),
        write=lambda to: to.write(text if written is None else written),
    )


def image(*layers: Layer) -> Composition:
    return of_layers(layers, {"Env": []}, timestamp=1, platform="linux/amd64", tag="a/b:c")


def files(objects: ObjectStore, made: Composition, skip: int = 0) -> dict[str, bytes]:
    out = io.BytesIO()
    load_archive.write(made, out, objects=objects, progress=Talk(), skip=skip)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]


def test_the_archive_is_both_forms_and_every_blob_has_its_digest(objects: ObjectStore) -> None:
    made = image(layer(b"one"), layer(b"two"))
    found = files(objects, made)
    classic = json.loads(found["manifest.json"])[0]
    assert classic["RepoTags"] == ["a/b:c"]
    assert [found[name] for name in classic["Layers"]] == [b"one", b"two"]
    assert found[classic["Config"]] == made.config
    assert json.loads(found["index.json"])["manifests"][0]["digest"] == made.image.manifest
    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    for name, data in found.items():
        if name.startswith("blobs/sha256/"):
            assert canon.digest_bytes(data) == f"sha256:{name.rpartition('/')[2]}"


def test_layers_that_the_engine_has_are_left_out_and_one_blob_is_there_once(
    objects: ObjectStore,
) -> None:
    made = image(layer(b"base"), layer(b"same"), layer(b"same"))
    found = files(objects, made, skip=1)
    assert b"base" not in found.values()
    assert list(found.values()).count(b"same") == 1
    assert len(json.loads(found["manifest.json"])[0]["Layers"]) == 3


def test_a_layer_that_comes_out_otherwise_is_refused(objects: ObjectStore) -> None:
    with pytest.raises(HashMismatch, match="came out as"):
        files(objects, image(layer(b"one", written=b"eno")))


def test_a_kept_archive_is_found_by_its_image(objects: ObjectStore) -> None:
    made = image(layer(b"one"))
    digest = load_archive.keep(made, objects, Talk())
    assert objects.memo(load_archive.archive_key(made.image.config)) == digest
    with tarfile.open(objects.path(digest)) as archive:
        assert "manifest.json" in archive.getnames()
