"""The config and the manifest that we write ourselves: canonical JSON, so their digests are ours on
every engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reprobox.image.layer import Layer
from reprobox.image.paths import created_of, settings_of
from reprobox.kit.canon import canonical, digest_bytes
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.image import Image, tag_of
from reprobox.model.lock import Lock

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, kw_only=True)
class Composition:
    """An image, complete on paper: what it will be called, and every byte of it on demand."""

    image: Image
    architecture: str
    layers: tuple[Layer, ...]
    config: bytes
    manifest: bytes


def of_lock(lock: Lock, lock_digest: str, layers: tuple[Layer, ...]) -> Composition:
    """The image of a lock."""
    return of_layers(
        layers,
        settings_of(lock, lock_digest),
        timestamp=lock.timestamp,
        platform=lock.platform,
        tag=tag_of(lock_digest),
        lock_digest=lock_digest,
        base=f"{lock.base.kind}:{lock.base.reference}",
    )


def of_layers(
    layers: tuple[Layer, ...],
    settings: dict[str, Any],
    *,
    timestamp: int,
    platform: str,
    tag: str,
    lock_digest: str = "",
    base: str = "",
) -> Composition:
    """An image of any layers (OCI image-spec: config.md, manifest.md)."""
    config = config_of(
        [(layer.name, layer.diff_id) for layer in layers],
        settings,
        timestamp=timestamp,
        platform=platform,
    )
    manifest = canonical(
        {
            "config": _descriptor(CONFIG_TYPE, digest_bytes(config), len(config)),
            "layers": [_descriptor(LAYER_TYPE, layer.diff_id, layer.size) for layer in layers],
            "mediaType": MANIFEST_TYPE,
            "schemaVersion": 2,
        }
    )
    image = Image(
        config=digest_bytes(config),
        manifest=digest_bytes(manifest),
        diff_ids=tuple(layer.diff_id for layer in layers),
        lock=lock_digest,
        tag=tag,
        base=base,
        settings=settings,
    )
    architecture = platform.partition("/")[2]
    return Composition(
        image=image, architecture=architecture, layers=layers, config=config, manifest=manifest
    )


def config_of(
    layers: Sequence[tuple[str, str]], settings: dict[str, Any], *, timestamp: int, platform: str
) -> bytes:
    """The config of an image (OCI image-spec, config.md), whose digest is the image's identity.

    Args:
        layers: name and diff ID of each, bottom first.
    """
    system, _, architecture = platform.partition("/")
    created = created_of(timestamp)
    return canonical(
        {
            "architecture": architecture,
            "config": settings,
            "created": created,
            "history": [
                {"created": created, "created_by": f"reprobox: {name}"} for name, _ in layers
            ],
            "os": system,
            "rootfs": {"diff_ids": [diff_id for _, diff_id in layers], "type": "layers"},
        }
    )


def index(composition: Composition) -> bytes:
    """The OCI layout's `index.json`, with the tag where containerd and where others look for it."""
    descriptor = {
        **_descriptor(MANIFEST_TYPE, composition.image.manifest, len(composition.manifest)),
        "annotations": {
            "io.containerd.image.name": f"docker.io/{composition.image.tag}",
            "org.opencontainers.image.ref.name": composition.image.tag,
        },
        "platform": {"architecture": composition.architecture, "os": "linux"},
    }
    return canonical({"manifests": [descriptor], "mediaType": INDEX_TYPE, "schemaVersion": 2})


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}
