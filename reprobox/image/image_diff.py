"""Two images apart: settings, layers, packages, files. Both come from an engine, so any image can
be compared, ours or not.
"""

from __future__ import annotations

import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import IO, Any, Literal, cast

from reprobox.errors import ImageError, ImageMissing
from reprobox.image import layer_listing
from reprobox.image.layer_listing import Entry
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.model.ports import ImageEngine, Progress

_STATUS = "var/lib/dpkg/status"
_FILES_OF_DEB = regex(r"var/lib/dpkg/info/([^/:]+)(?::[^/]+)?\.list")
_FILES_OF_WHEEL = regex(r"((?:.*/)?site-packages)/([^/]+)-([^/-]+)\.dist-info/RECORD")
_INSTALLED = "install ok installed"


@dataclass(frozen=True, kw_only=True)
class LayerChange:
    """A layer that only one image has, or two of the same name with other bytes."""

    number: int
    """From 1, bottom first; in the second image where it is there."""
    name: str
    """What the image's history says of it."""
    left: str | None
    right: str | None


@dataclass(frozen=True, kw_only=True)
class PackageChange:
    """A package by version on both sides; None where it is absent."""

    kind: Literal["deb", "wheel"]
    name: str
    left: str | None
    right: str | None


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """A file that differs in what a container would see."""

    path: str
    what: str
    layer: int
    """The topmost layer that has it, from 1; of the second image where it is there."""
    package: str = ""
    """Whose it is, where a package says so."""


@dataclass(frozen=True, kw_only=True)
class ImageDiff:
    """All differences; the images are the same when `same`."""

    left: str
    right: str
    same: bool
    settings: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Dotted name in the config to both values."""
    layers: tuple[LayerChange, ...] = ()
    packages: tuple[PackageChange, ...] = ()
    files: tuple[FileChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Contents:
    """What a container of an image sees."""

    config: dict[str, Any]
    diff_ids: tuple[str, ...]
    files: dict[str, Entry]
    origin: dict[str, int]
    packages: dict[tuple[str, str], str]
    owners: dict[str, str]


def diff(left: str, right: str, *, engine: ImageEngine, progress: Progress) -> ImageDiff:
    """Takes two images of the engine apart.

    Args:
        left, right: tags, digests or IDs.

    Raises:
        ImageMissing: the engine does not have one of them.
        ImageError: the engine gives an archive that lacks layers.
    """
    first, second = _require(left, engine), _require(right, engine)
    if first == second:
        return ImageDiff(left=left, right=right, same=True)
    one, other = _contents(left, engine, progress), _contents(right, engine, progress)
    return ImageDiff(
        left=left,
        right=right,
        same=one.config == other.config,
        settings=_settings(one.config, other.config),
        layers=tuple(_layers(one, other)),
        packages=tuple(_packages(one, other)),
        files=tuple(_files(one, other)),
    )


def _require(reference: str, engine: ImageEngine) -> str:
    there = engine.inspect(reference)
    if there is None:
        raise ImageMissing(
            f"the engine has no image {reference}", next_step="make it: reprobox build"
        )
    return there.id


def _contents(reference: str, engine: ImageEngine, progress: Progress) -> _Contents:
    with tempfile.TemporaryFile(prefix="reprobox-diff-") as spool:
        with progress.task(f"read {reference}") as bar:
            for chunk in engine.save(reference):
                spool.write(chunk)
                bar.update(len(chunk))
        spool.seek(0)
        try:
            with tarfile.open(fileobj=spool, mode="r:") as archive:
                return _merged(archive)
        except (tarfile.TarError, KeyError, ValueError) as error:
            raise ImageError(
                f"the engine's archive of {reference} is not whole",
                why=f"{type(error).__name__}: {error}",
                next_step="a containerd store may lack a pulled image's layers: remove the image, "
                "pull it, try again",
            ) from error


def _merged(archive: tarfile.TarFile) -> _Contents:
    manifest = canon.parse(_member(archive, "manifest.json").read())[0]
    config = canon.parse(_member(archive, manifest["Config"]).read())
    files: dict[str, Entry] = {}
    origin: dict[str, int] = {}
    texts: dict[str, bytes] = {}
    for number, name in enumerate(manifest["Layers"], start=1):
        entries, kept = layer_listing.read(_member(archive, name), _wanted)
        _remove(files, entries)
        for path, entry in entries.items():
            if "/.wh." not in f"/{path}":
                files[path] = entry
                origin[path] = number
        texts.update(kept)
    packages, owners = _inventory({path: text for path, text in texts.items() if path in files})
    diff_ids = tuple(config["rootfs"]["diff_ids"])
    return _Contents(
        config=config,
        diff_ids=diff_ids,
        files=files,
        origin=origin,
        packages=packages,
        owners=owners,
    )


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """A member's bytes; older engines write a layer that occurs twice as a link."""
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file


def _remove(files: dict[str, Entry], entries: dict[str, Entry]) -> None:
    """Applies whiteouts (image-spec, layer.md): `.wh.name` hides a name, `.wh..wh..opq` all that
    was in the directory.
    """
    for path in entries:
        head, _, tail = path.rpartition("/")
        if tail == ".wh..wh..opq":
            gone = f"{head}/"
        elif tail.startswith(".wh."):
            gone = f"{head}/{tail[4:]}".lstrip("/")
            files.pop(gone, None)
            gone += "/"
        else:
            continue
        for name in [name for name in files if name.startswith(gone)]:
            del files[name]


def _wanted(path: str) -> bool:
    return (
        path == _STATUS
        or _FILES_OF_DEB.fullmatch(path) is not None
        or _FILES_OF_WHEEL.fullmatch(path) is not None
    )


def _inventory(texts: dict[str, bytes]) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    """Packages by kind and name, and the owner of each path."""
    packages: dict[tuple[str, str], str] = {}
    owners: dict[str, str] = {}
    for path, data in texts.items():
        text = data.decode("utf-8", "surrogateescape")
        if path == _STATUS:
            packages.update((("deb", name), version) for name, version in _installed(text))
        elif match := _FILES_OF_DEB.fullmatch(path):
            owners.update((line.strip("/"), f"deb {match[1]}") for line in text.splitlines())
        elif match := _FILES_OF_WHEEL.fullmatch(path):
            name = re.sub(r"[-_.]+", "-", match[2]).lower()
            packages["wheel", name] = match[3]
            owners.update((_below(match[1], line), f"wheel {name}") for line in text.splitlines())
    return packages, owners


def _installed(status: str) -> Iterator[tuple[str, str]]:
    for paragraph in status.split("\n\n"):
        fields = dict(
            line.partition(": ")[::2] for line in paragraph.splitlines() if not line.startswith(" ")
        )
        if fields.get("Status") == _INSTALLED:
            yield fields["Package"], fields["Version"]


def _below(folder: str, record_line: str) -> str:
    """The path of a RECORD row, from the root of the image."""
    parts = folder.split("/")
    for part in record_line.split(",")[0].strip('"').split("/"):
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return "/".join(parts)


def _settings(left: dict[str, Any], right: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    found = {}
    for name, read in _SETTINGS.items():
        ours, theirs = read(left), read(right)
        found.update({f"{name}.{key}".rstrip("."): pair for key, pair in _pairs(ours, theirs)})
    return found


_SETTINGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "architecture": lambda config: config.get("architecture"),
    "created": lambda config: config.get("created"),
    "config": lambda config: {**config.get("config", {}), "Env": dict(_environment(config))},
}


def _environment(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for item in config.get("config", {}).get("Env") or ():
        name, _, value = item.partition("=")
        yield name, value


def _pairs(left: Any, right: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            yield from (
                (f"{key}.{rest}".rstrip("."), pair)
                for rest, pair in _pairs(left.get(key), right.get(key))
            )
    elif left != right:
        yield "", (left, right)


def _layers(left: _Contents, right: _Contents) -> Iterator[LayerChange]:
    ours, theirs = _only(left, right), _only(right, left)
    for name, (number, digest) in theirs.items():
        yield LayerChange(number=number, name=name, left=ours.pop(name, (0, None))[1], right=digest)
    for name, (number, digest) in ours.items():
        yield LayerChange(number=number, name=name, left=digest, right=None)


def _only(contents: _Contents, other: _Contents) -> dict[str, tuple[int, str | None]]:
    """Layers that the other image does not have: name to number and digest."""
    found: dict[str, tuple[int, str | None]] = {}
    for place, digest in enumerate(contents.diff_ids):
        if digest not in other.diff_ids:
            found[_history(contents, place) or f"layer {place + 1}"] = (place + 1, digest)
    return found


def _history(contents: _Contents, place: int) -> str:
    made = [
        step.get("created_by", "")
        for step in contents.config.get("history", ())
        if not step.get("empty_layer")
    ]
    return made[place].removeprefix("reprobox: ") if place < len(made) else ""


def _packages(left: _Contents, right: _Contents) -> Iterator[PackageChange]:
    for kind, name in sorted(left.packages.keys() | right.packages.keys()):
        ours, theirs = left.packages.get((kind, name)), right.packages.get((kind, name))
        if ours != theirs:
            yield PackageChange(
                kind=cast("Literal['deb', 'wheel']", kind), name=name, left=ours, right=theirs
            )


def _files(left: _Contents, right: _Contents) -> Iterator[FileChange]:
    for path, what in layer_listing.compare(left.files, right.files).items():
        if what.startswith("mtime ") and right.files[path].kind == "directory":
            continue  # said by whatever changed in it
        side = right if path in right.files else left
        owner = right.owners.get(path) or left.owners.get(path, "")
        yield FileChange(path=path, what=what, layer=side.origin[path], package=owner)
