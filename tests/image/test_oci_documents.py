"""Config, manifest and index (OCI image-spec), whose digests are the image's names."""

from __future__ import annotations

import json
from dataclasses import replace

from attest_world import a_record

from reprobox.image import oci_documents
from reprobox.image.layer import Layer
from reprobox.kit import canon

LAYERS = tuple(
    Layer(
        name=name,
        diff_id=canon.digest_bytes(name.encode()),
        size=size,
        needs=(),
        write=lambda _: None,
    )
    for name, size in (("base", 10), ("venv", 0))
)
LOCK = a_record().intent.lock
DIGEST = "sha256:" + "ab" * 32


def test_every_digest_is_of_the_bytes_that_it_names() -> None:
    made = oci_documents.of_lock(LOCK, DIGEST, LAYERS)
    config, manifest = json.loads(made.config), json.loads(made.manifest)
    assert made.image.config == canon.digest_bytes(made.config) == manifest["config"]["digest"]
    assert manifest["config"]["size"] == len(made.config)
    assert made.image.manifest == canon.digest_bytes(made.manifest)
    assert [one["digest"] for one in manifest["layers"]] == config["rootfs"]["diff_ids"]
    assert [one["size"] for one in manifest["layers"]] == [10, 0]
    assert [one["created_by"] for one in config["history"]] == ["reprobox: base", "reprobox: venv"]
    assert (config["os"], config["architecture"], config["created"]) == (
        "linux",
        "amd64",
        "2023-11-14T22:13:20Z",
    )
    assert made.image.lock == DIGEST


def test_layers_settings_time_and_platform_decide_the_image() -> None:
    first = oci_documents.of_lock(LOCK, DIGEST, LAYERS)
    others = (
        oci_documents.of_lock(LOCK, DIGEST, LAYERS[::-1]),
        oci_documents.of_lock(replace(LOCK, timestamp=1), DIGEST, LAYERS),
        oci_documents.of_lock(replace(LOCK, platform="linux/arm64"), DIGEST, LAYERS),
        oci_documents.of_lock(replace(LOCK, image_env={"A": "b"}), DIGEST, LAYERS),
    )
    assert len({one.image.config for one in (first, *others)}) == 5


def test_the_tag_stands_where_containerd_and_others_look_for_it() -> None:
    made = oci_documents.of_lock(replace(LOCK, platform="linux/arm64"), DIGEST, LAYERS)
    [found] = json.loads(oci_documents.index(made))["manifests"]
    assert found["digest"] == made.image.manifest
    assert found["platform"] == {"architecture": "arm64", "os": "linux"}
    assert found["annotations"] == {
        "io.containerd.image.name": f"docker.io/{made.image.tag}",
        "org.opencontainers.image.ref.name": made.image.tag,
    }
