"""Images as directories, by the digest of their config: Apptainer's sandboxes.

    images/HEX/image.json   layers, settings, and a digest over what the directory holds
               root/        the file system, as the layers give it
    tags/NAME               a symbolic link, whose text is a digest

An image is unpacked once, from an archive whose layers and config are checked against their
digests. Before each start the directory is compared with what was unpacked: names, kinds, modes,
sizes, places on the disk (inodes) and times of change, which no program can set. That takes 4
microseconds a file; reading all bytes again would take longer than most runs.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import secrets
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from reprobox.engine.apptainer.unpack import Readable, Tree
from reprobox.errors import EngineError, ImageMissing
from reprobox.kit import canon, fd_trees, files
from reprobox.model.image import EngineImage

_GZIP = b"\x1f\x8b"


class Sandboxes:
    """The images below a directory."""

    def __init__(self, root: Path) -> None:
        self._images, self._tags = root / "images", root / "tags"
        self._lock = root / "images.lock"
        self._checked: set[str] = set()

    def inspect(self, reference: str) -> EngineImage | None:
        """An image by ID or tag; None where there is none, or its directory was changed since it
        was unpacked: such a one is removed, so that it is made again.
        """
        digest = self._digest(reference)
        if digest is None:
            return None
        with files.locked(self._locked()):
            document = self._document(digest)
            if document is None:
                return None
            if digest not in self._checked and self._changed(digest, document):
                self._forget(digest)
                return None
        self._checked.add(digest)
        return _read(document)

    def to_start(self, reference: str) -> tuple[Path, dict[str, Any]]:
        """The directory of an image that is to be started, and the image's settings.

        Raises:
            ImageMissing: there is none, or it was changed since it was unpacked.
        """
        digest = self._digest(reference)
        document = None if digest is None else self._document(digest)
        if digest is None or document is None:
            raise ImageMissing(f"Apptainer has no image {reference}", next_step="reprobox build")
        if digest in self._checked:
            self._checked.discard(digest)  # a later start in this process is checked anew
        elif self._changed(digest, document):
            with files.locked(self._locked()):
                self._forget(digest)
            raise ImageMissing(
                f"the image {digest} was changed after it was unpacked, and is removed",
                why=f"Its directory was {self._place(digest)}.",
                next_step="reprobox build",
            )
        return self._place(digest) / "root", document["config"]

    def load(self, chunks: Iterable[bytes]) -> None:
        """Unpacks an image archive (docker-archive, or OCI layout with `manifest.json`).

        Raises:
            EngineError: it is not one, or a digest is not that of what came.
        """
        files.make_dir(self._images)
        with tempfile.TemporaryFile(dir=self._images) as spool:
            for chunk in chunks:
                spool.write(chunk)
            spool.seek(0)
            try:
                with tarfile.open(fileobj=spool, mode="r:") as archive:
                    for entry in _manifest(archive):
                        self._unpack(archive, entry)
            except (tarfile.TarError, ValueError, KeyError, TypeError) as fault:
                raise EngineError(
                    "Could not load an image: this is not an image archive", why=str(fault)
                ) from fault

    def tag(self, reference: str, tag: str) -> None:
        """Names an image. Raises ImageMissing when it is not there."""
        digest = self._digest(reference)
        if digest is None or self._document(digest) is None:
            raise ImageMissing(f"Apptainer has no image {reference}")
        files.make_dir(self._tags)
        place = self._tags / quote(tag, safe="")
        temp = files.temp_beside(self._tags)
        os.symlink(digest, temp)
        os.replace(temp, place)

    def remove(self, reference: str) -> None:
        """Forgets a tag, and the image when it was its last one; absent is fine."""
        digest = self._digest(reference)
        if digest is None:
            return
        with files.locked(self._locked()):
            if reference != digest:
                (self._tags / quote(reference, safe="")).unlink(missing_ok=True)
            if reference == digest or digest not in set(self._named().values()):
                self._forget(digest)

    def _unpack(self, archive: tarfile.TarFile, entry: dict[str, Any]) -> None:
        config = _member(archive, entry["Config"]).read()
        digest, described = canon.digest_bytes(config), canon.parse(config)
        with files.locked(self._locked()):
            if self._document(digest) is None:
                self._make(archive, entry["Layers"], digest, described)
        for tag in entry.get("RepoTags") or ():
            self.tag(digest, tag)

    def _make(
        self, archive: tarfile.TarFile, names: list[str], digest: str, described: dict[str, Any]
    ) -> None:
        wanted = described["rootfs"]["diff_ids"]
        if len(wanted) != len(names):
            raise ValueError("its config names other layers")
        temp = self._images / f".new-{secrets.token_hex(8)}"
        temp.mkdir(mode=0o700)
        try:
            tree = Tree(temp / "root")
            for name, diff_id in zip(names, wanted, strict=True):
                with _plain(_member(archive, name)) as plain:
                    layer = _Hashed(plain)
                    tree.apply(layer)
                    layer.require(diff_id)
            tree.finish()
            document = {
                "id": digest,
                "diff_ids": wanted,
                "config": described.get("config") or {},
                "architecture": described.get("architecture", ""),
                "created": described.get("created", ""),
                "files": state_of(temp / "root"),
            }
            files.publish(temp / "image.json", canon.canonical(document))
            files.sync_filesystem(temp)
            os.rename(temp, self._place(digest))
        finally:
            fd_trees.remove(temp)
        self._checked.add(digest)

    def _changed(self, digest: str, document: dict[str, Any]) -> bool:
        return bool(state_of(self._place(digest) / "root") != document["files"])

    def _forget(self, digest: str) -> None:
        self._checked.discard(digest)
        gone = self._images / f".gone-{secrets.token_hex(8)}"
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._place(digest), gone)
            fd_trees.remove(gone)
        for name, named in self._named().items():
            if named == digest:
                (self._tags / name).unlink(missing_ok=True)

    def _named(self) -> dict[str, str]:
        try:
            return {name: os.readlink(self._tags / name) for name in os.listdir(self._tags)}
        except FileNotFoundError:
            return {}

    def _digest(self, reference: str) -> str | None:
        if canon.is_digest(reference):
            return reference
        try:
            return os.readlink(self._tags / quote(reference, safe=""))
        except OSError:
            return None

    def _document(self, digest: str) -> dict[str, Any] | None:
        try:
            found = json.loads((self._place(digest) / "image.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _place(self, digest: str) -> Path:
        return self._images / canon.hex_of(digest)

    def _locked(self) -> Path:
        files.make_dir(self._images)
        return self._lock


def state_of(root: Path) -> str:
    """A digest over what a directory holds, by everything that changes when a file does. The top
    itself counts without its time: it is renamed.
    """
    found = hashlib.sha256()
    for folder, entries in _walk(os.fspath(root)):
        found.update(os.fsencode(folder) + b"\0")
        for name, seen in entries:
            found.update(
                b"%s\0%o %d %d %d\0"
                % (
                    os.fsencode(name),
                    seen.st_mode,
                    0 if stat.S_ISDIR(seen.st_mode) else seen.st_size,
                    seen.st_ino,
                    seen.st_ctime_ns,
                )
            )
    return "sha256:" + found.hexdigest()


def _walk(root: str) -> Iterator[tuple[str, list[tuple[str, os.stat_result]]]]:
    left = [""]
    while left:
        folder = left.pop()
        with os.scandir(f"{root}/{folder}") as entries:
            found = sorted(
                ((entry.name, entry.stat(follow_symlinks=False)) for entry in entries),
                key=lambda pair: pair[0],
            )
        yield folder, found
        left += [f"{folder}/{name}" for name, seen in found if stat.S_ISDIR(seen.st_mode)]


def _manifest(archive: tarfile.TarFile) -> list[dict[str, Any]]:
    found = canon.parse(_member(archive, "manifest.json").read())
    if not isinstance(found, list) or not found:
        raise ValueError("its manifest.json is empty")
    return found


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is not a file")
    return file


@contextlib.contextmanager
def _plain(file: IO[bytes]) -> Iterator[Readable]:
    """A layer without its compression."""
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    if packed:
        with gzip.open(file) as plain:
            yield plain
    else:
        yield file


@dataclass
class _Hashed:
    """Passes on what is read of a layer, and hashes it."""

    source: Readable

    def __post_init__(self) -> None:
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        data = self.source.read(size)
        self._hash.update(data)
        return data

    def require(self, digest: str) -> None:
        """Raises EngineError when what was read, with the rest, is not what the config names."""
        while self.read(1 << 20):
            pass
        found = f"sha256:{self._hash.hexdigest()}"
        if found != digest:
            raise EngineError(
                "Could not load an image: digest mismatch of a layer",
                why=f"expected {digest}, found {found}",
            )


def _read(document: dict[str, Any]) -> EngineImage:
    return EngineImage(
        id=document["id"],
        diff_ids=tuple(document["diff_ids"]),
        config=document["config"],
        architecture=document["architecture"],
        created=document["created"],
    )
