"""The hybrid archive: an OCI layout and a docker-archive in one tar, so that every engine finds the
form that it reads.

Docker 20.10 reads `manifest.json`; containerd stores and Podman prefer the OCI part, and a
containerd store takes an archive without some layers only by that part. Layers are raw tars:
compressed bytes depend on who compressed them.
"""

from __future__ import annotations

import tarfile
from typing import IO, cast

from reprobox.image.layer import Sink, check_objects
from reprobox.image.oci_documents import Composition, index
from reprobox.kit import tar
from reprobox.kit.canon import canonical, hex_of
from reprobox.model.image import ARCHIVE_MEMO
from reprobox.model.ports import Objects, Progress

_BLOCK = tarfile.BLOCKSIZE
_OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class _Counted:
    """Moves a bar by the bytes that pass."""

    def __init__(self, target: Sink, progress: Progress, total: int) -> None:
        self._target = target
        self._task = progress.task("send image layers", total)

    def __enter__(self) -> _Counted:
        self._bar = self._task.__enter__()
        return self

    def __exit__(self, *fault: object) -> None:
        self._task.__exit__(None, None, None)

    def write(self, data: bytes, /) -> None:
        self._target.write(data)
        self._bar.update(len(data))


def write(
    composition: Composition, target: Sink, *, objects: Objects, progress: Progress, skip: int = 0
) -> None:
    """Writes the archive, each layer checked against its digest on the way.

    Args:
        skip: so many layers, from the bottom, are left out (the engine has them); 0 for a whole
            archive, as `export` wants it.

    Raises:
        FetchError, HashMismatch: an object is absent or damaged; found before the first layer is
            written.
    """
    layers = composition.layers[skip:]
    for layer in layers:
        check_objects(layer.name, layer.needs, objects)
    names = [_blob(layer.diff_id) for layer in composition.layers]
    classic = [
        {
            "Config": _blob(composition.image.config),
            "Layers": names,
            "RepoTags": [composition.image.tag],
        }
    ]
    for name, data in (
        ("oci-layout", _OCI_LAYOUT),
        ("index.json", index(composition)),
        ("manifest.json", canonical(classic)),
        (_blob(composition.image.manifest), composition.manifest),
        (_blob(composition.image.config), composition.config),
    ):
        _member(target, name, data)
    _layers(composition, skip, target, progress)
    target.write(bytes(2 * _BLOCK))


def _layers(composition: Composition, skip: int, target: Sink, progress: Progress) -> None:
    layers = composition.layers[skip:]
    done = {layer.diff_id for layer in composition.layers[:skip]}
    with _Counted(target, progress, sum(layer.size for layer in layers)) as counted:
        for layer in layers:
            if layer.diff_id in done:  # the same bytes twice in one chain are one blob
                continue
            done.add(layer.diff_id)
            target.write(_header(_blob(layer.diff_id), layer.size))
            layer.write_checked(counted)
            target.write(bytes(-layer.size % _BLOCK))


def _blob(digest: str) -> str:
    return f"blobs/sha256/{hex_of(digest)}"


def _header(name: str, size: int) -> bytes:
    return tar.entry(name, size=size).tobuf(format=tarfile.PAX_FORMAT)


def _member(target: Sink, name: str, data: bytes) -> None:
    target.write(_header(name, len(data)))
    target.write(data)
    target.write(bytes(-len(data) % _BLOCK))


def keep(composition: Composition, objects: Objects, progress: Progress) -> str:
    """Puts the whole archive into the store, where `restore` finds it by the image's config digest;
    the archive's own digest.
    """
    from reprobox.image.stream import chunks
    from reprobox.kit.pieces import Pieces

    with chunks(lambda sink: write(composition, sink, objects=objects, progress=progress)) as parts:
        digest, _ = objects.put_stream(cast("IO[bytes]", Pieces(parts)))
    objects.remember(archive_key(composition.image.config), digest)
    return digest


def archive_key(config_digest: str) -> str:
    """The memo that names the archive of an image."""
    return ARCHIVE_MEMO + hex_of(config_digest)
