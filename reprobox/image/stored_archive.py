"""An archive in the store as an image on paper. It may be another user's, so nothing of it reaches
an engine as it lies there.

A loader believes whatever names an archive gives its images: one that claims to be
`python:3.11-slim` becomes that. So only those bytes are taken that the wanted digests name, and the
archive that is sent is written anew around them, under our tag.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reprobox.errors import ImageMismatch
from reprobox.image.layer import Layer, Sink
from reprobox.image.oci_documents import Composition
from reprobox.kit import canon
from reprobox.model.image import Image

_CHUNK = 1 << 20
_MOST = 1000
"""Members: engines refuse images of more than about 125 layers."""
_DOCUMENT = 16 << 20
"""Bytes: no config or manifest of an image is larger."""
_BLOBS = "blobs/sha256/"


def read(path: Path, image: Image) -> Composition:
    """The image that an archive holds; its layers are checked against their digests when they are
    written.

    Raises:
        ImageMismatch: the archive does not hold this image, whole.
    """
    try:
        places = _places(path)
        config, manifest = (
            _document(path, places, digest) for digest in (image.config, image.manifest)
        )
        _require(image, config, manifest)
        layers = tuple(
            _layer(path, places, diff_id, number)
            for number, diff_id in enumerate(image.diff_ids, start=1)
        )
        architecture = str(canon.parse(config)["architecture"])
    except (
        tarfile.TarError,
        EOFError,
        ArithmeticError,
        ValueError,
        LookupError,
        TypeError,
        RecursionError,
    ) as fault:
        raise ImageMismatch(
            "the archive in the store holds another image", why=str(fault)
        ) from fault
    return Composition(
        image=image, architecture=architecture, layers=layers, config=config, manifest=manifest
    )


def _places(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and size in bytes of each blob, by digest; other members are left out."""
    found: dict[str, tuple[int, int]] = {}
    with tarfile.open(path, "r:") as archive:
        for number, member in enumerate(archive):
            if number > _MOST:
                raise ValueError(f"it has more than {_MOST} members")
            if member.isreg() and not member.issparse() and member.name.startswith(_BLOBS):
                found[f"sha256:{member.name.removeprefix(_BLOBS)}"] = (
                    member.offset_data,
                    member.size,
                )
    return found


def _place(places: dict[str, tuple[int, int]], digest: str) -> tuple[int, int]:
    if digest not in places:
        raise ValueError(f"it does not hold {digest}")
    return places[digest]


def _document(path: Path, places: dict[str, tuple[int, int]], digest: str) -> bytes:
    offset, size = _place(places, digest)
    if size > _DOCUMENT:
        raise ValueError(f"{digest} is larger than {_DOCUMENT} bytes")
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(size)
    if canon.digest_bytes(data) != digest:
        raise ValueError(f"digest mismatch for {digest}")
    return data


def _require(image: Image, config: bytes, manifest: bytes) -> None:
    """The digests are over these documents; here is what they must say for the record's other
    fields to follow from them.
    """
    said, listed = canon.parse(config), canon.parse(manifest)
    for what, found, wanted in (
        ("layers of the config", said["rootfs"]["diff_ids"], list(image.diff_ids)),
        ("settings of the config", said["config"], image.settings or said["config"]),
        ("config of the manifest", listed["config"]["digest"], image.config),
        (
            "layers of the manifest",
            [item["digest"] for item in listed["layers"]],
            list(image.diff_ids),
        ),
    ):
        if found != wanted:
            raise ValueError(f"the {what}: recorded {wanted!r}, found {found!r}")


def _layer(path: Path, places: dict[str, tuple[int, int]], diff_id: str, number: int) -> Layer:
    offset, size = _place(places, diff_id)
    return Layer(
        name=f"archived {number}",
        diff_id=diff_id,
        size=size,
        needs=(),
        write=_copier(path, offset, size),
    )


def _copier(path: Path, offset: int, size: int) -> Callable[[Sink], Any]:
    def write(target: Sink) -> None:
        with path.open("rb") as file:
            file.seek(offset)
            left = size
            while left and (chunk := file.read(min(_CHUNK, left))):
                target.write(chunk)
                left -= len(chunk)

    return write
