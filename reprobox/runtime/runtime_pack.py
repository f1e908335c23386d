"""What is injected into a container, as bytes: named by the digest of a manifest, kept with the
run, put back for a replay.

The payload is read and never imported here: it runs on the image's interpreter, not on ours. A
later reprobox has other bytes, so a replay materialises those that the record names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reprobox.errors import NewerFormat, StoreDamaged
from reprobox.kit import canon
from reprobox.kit.canon import Digest
from reprobox.model.ports import Objects

FORMAT = "reprobox.runtime/1"
FILE_MODE, DIR_MODE = 0o444, 0o555
_LEFT_OUT = ("__pycache__",)


def payload() -> dict[str, bytes]:
    """Every file of this version's payload: path relative to where it will be mounted
    (`/`-separated), and bytes; sorted.
    """
    return dict(sorted(_walk(Path(__file__).with_name("payload"), "")))


def _walk(directory: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    for item in directory.iterdir():
        if item.name in _LEFT_OUT or item.name.startswith(".") or item.name.endswith(".pyc"):
            continue
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        else:
            yield prefix + item.name, item.read_bytes()


def manifest(files: dict[str, bytes]) -> bytes:
    """The canonical JSON that names the files, their digests and modes."""
    listed = {
        name: {"sha256": canon.digest_bytes(data), "mode": f"{FILE_MODE:04o}"}
        for name, data in files.items()
    }
    return canon.canonical({"format": FORMAT, "files": listed})


def digest(files: dict[str, bytes]) -> Digest:
    """The digest of the runtime: that of its manifest."""
    return canon.digest_bytes(manifest(files))


def put(files: dict[str, bytes], objects: Objects) -> Digest:
    """Keeps the files and their manifest; the manifest's digest. The manifest goes last, so that
    one that is there is whole.
    """
    for data in files.values():
        if not objects.has(canon.digest_bytes(data)):
            objects.put_bytes(data)
    listed = manifest(files)
    name = canon.digest_bytes(listed)
    return name if objects.has(name) else objects.put_bytes(listed)


def materialise(runtime: str, objects: Objects, target: Path) -> None:
    """Writes a kept runtime into a directory that does not exist yet: files 0444, directories 0555,
    each byte checked.

    Args:
        runtime: the digest of the manifest.

    Raises:
        FetchError: bytes are not in the store.
        StoreDamaged: bytes are not what their digest says, or the manifest is not one.
        NewerFormat: the manifest was written by a newer reprobox.
    """
    files = _read_manifest(_checked(runtime, objects))
    target.mkdir(parents=True)
    for name, listed in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_checked(listed["sha256"], objects))
        path.chmod(FILE_MODE)
    for directory, _, _ in os.walk(target, topdown=False):
        os.chmod(directory, DIR_MODE)


def _checked(name: str, objects: Objects) -> bytes:
    data = objects.path(name).read_bytes()
    if canon.digest_bytes(data) != name:
        raise StoreDamaged(
            f"The stored bytes of {name} are not what was written", next_step="reprobox fsck"
        )
    return data


def _read_manifest(data: bytes) -> dict[str, dict[str, Any]]:
    try:
        value = canon.parse(data)
        if value["format"] != FORMAT and str(value["format"]).startswith("reprobox.runtime/"):
            raise NewerFormat(
                f"The injected runtime has format {value['format']}", next_step="upgrade reprobox"
            )
        files: dict[str, dict[str, Any]] = value["files"]
        if value["format"] != FORMAT or not all(
            _is_listed(name, listed) for name, listed in files.items()
        ):
            raise ValueError("not a runtime's manifest")
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise StoreDamaged(
            "The manifest of the injected runtime cannot be read", why=str(fault)
        ) from fault
    return files


def _is_listed(name: str, listed: dict[str, Any]) -> bool:
    """Manifests travel in bundles from others, so a name must stay below the directory that it is
    written to.
    """
    parts = name.split("/")
    return canon.is_digest(listed["sha256"]) and all(
        part not in ("", ".", "..") and "\0" not in part for part in parts
    )
