"""Image archives: docker-archive, OCI layout (also both in one) and plain root file systems; layers
are stored uncompressed.

One pass forward, so an engine's `save` needs no spool file. Layers are compared with the diff IDs
of the image's own config.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path
from typing import IO, Any

from reprobox.errors import HashMismatch, ImageError
from reprobox.kit import canon, zstd
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.pieces import Pieces
from reprobox.model.platform import DEFAULT
from reprobox.model.ports import Objects

_CHUNK = 1 << 20
_MAX_JSON = 16 << 20
_SMALLEST_LAYER = 24
"""An empty tar, compressed; below it are version files and the like."""
_GZIP, _BZIP2, _XZ, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
_DAMAGED = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, zstd.ZstdError)


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """An image whose layers are in the store."""

    diff_ids: tuple[str, ...]
    config: dict[str, Any] = field(default_factory=dict)
    """The whole config JSON; empty for a plain root file system."""


def as_file(pieces: Iterable[bytes]) -> io.BufferedReader:
    """An engine's stream as a file."""
    return io.BufferedReader(Pieces(pieces), _CHUNK)


def plain(source: IO[bytes]) -> IO[bytes]:
    """The uncompressed bytes of a stream."""
    head = source.read(6)
    whole = as_file(_rest(head, source))
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=whole)  # type: ignore[return-value]
    if head.startswith(_BZIP2):
        return bz2.BZ2File(whole)
    if head.startswith(_XZ):
        return lzma.LZMAFile(whole)
    if head.startswith(_ZSTD):
        return zstd.buffered(whole)
    return whole


def _rest(head: bytes, source: IO[bytes]) -> Iterator[bytes]:
    yield head
    while chunk := source.read(_CHUNK):
        yield chunk


def from_stream(stream: IO[bytes], objects: Objects, *, where: str) -> Unpacked:
    """Stores the layers of an image archive.

    Raises:
        ImageError: it is not an archive of one image for linux/amd64.
        HashMismatch: a layer is not what the config says.
    """
    parts = _Parts()
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                parts.add(tar, member, objects)
        config, layers = parts.image(where)
        diff_ids = tuple(config["rootfs"]["diff_ids"])
    except (*_DAMAGED, KeyError, IndexError, TypeError, ValueError) as error:
        raise ImageError(
            f"{where} is not a whole image archive",
            why=repr(error),
            next_step="make it again with `docker save`",
        ) from error
    if layers != diff_ids:
        raise HashMismatch(
            f"the layers of {where} are not those of its config",
            why=f"expected {diff_ids}\ngot {layers}",
        )
    return Unpacked(diff_ids=diff_ids, config=config)


class _Parts:
    """What one pass over an archive has met."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.layers: dict[str, str] = {}
        self.links: dict[str, str] = {}

    def add(self, tar: tarfile.TarFile, member: tarfile.TarInfo, objects: Objects) -> None:
        name = posixpath.normpath(member.name)
        if member.issym():
            self.links[name] = posixpath.normpath(
                posixpath.join(posixpath.dirname(name), member.linkname)
            )
        elif member.islnk():
            self.links[name] = posixpath.normpath(member.linkname)
        source = tar.extractfile(member) if member.isreg() else None
        if source is None:
            return
        head = source.read(1)
        whole = as_file(_rest(head, source))
        if head in (b"{", b"[") and member.size <= _MAX_JSON:
            self.documents[name] = whole.read()
        elif member.size >= _SMALLEST_LAYER:
            self.layers[name] = objects.put_stream(plain(whole))[0]

    def image(self, where: str) -> tuple[dict[str, Any], tuple[str, ...]]:
        if "manifest.json" in self.documents:
            images = canon.parse(self.documents["manifest.json"])
            if len(images) != 1:
                raise ImageError(
                    f"{where} holds {len(images)} images",
                    next_step="save the one that is the base, alone",
                )
            config, names = images[0]["Config"], images[0]["Layers"]
        else:
            manifest = self._manifest(canon.parse(self.documents["index.json"]), where)
            config, names = (
                _blob(manifest["config"]),
                [_blob(layer) for layer in manifest["layers"]],
            )
        return canon.parse(self.documents[posixpath.normpath(config)]), tuple(
            self._layer(name) for name in names
        )

    def _layer(self, name: str) -> str:
        name = posixpath.normpath(name)
        return self.layers[self.links.get(name, name)]

    def _manifest(self, document: dict[str, Any], where: str) -> dict[str, Any]:
        """The image manifest behind an index, which may be nested and hold attestations and other
        platforms.
        """
        while "manifests" in document:
            fitting = [entry for entry in document["manifests"] if _fits(entry.get("platform"))]
            if len(fitting) != 1:
                raise ImageError(
                    f"{where} holds {len(fitting)} images for {DEFAULT.name}",
                    next_step="save the one that is the base, alone",
                )
            document = canon.parse(self.documents[_blob(fitting[0])])
        return document


def _blob(descriptor: dict[str, Any]) -> str:
    return f"blobs/sha256/{canon.hex_of(descriptor['digest'])}"


def _fits(platform: dict[str, Any] | None) -> bool:
    return platform is None or (platform.get("os"), platform.get("architecture")) == (
        DEFAULT.system,
        DEFAULT.architecture,
    )


def from_file(path: Path, objects: Objects) -> Unpacked:
    """Stores the layers of an image archive, or a plain root file system (compressed or not) as one
    layer.

    Raises: as `from_stream`.
    """
    with path.open("rb") as file:
        image = _is_image(plain(file), path)
    with path.open("rb") as file:
        if image:
            return from_stream(plain(file), objects, where=path.name)
        return Unpacked(diff_ids=(objects.put_stream(plain(file))[0],))


def _is_image(stream: IO[bytes], path: Path) -> bool:
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            return any(
                posixpath.normpath(member.name) in ("manifest.json", "index.json") for member in tar
            )
    except _DAMAGED as error:
        raise ImageError(
            f"{path.name} is not a whole tar archive", why=repr(error), next_step="make it again"
        ) from error
