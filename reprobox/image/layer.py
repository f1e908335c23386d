"""A layer: its digest, its size, and how to write it again. Wheel layers are never files; only
their digests are remembered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from reprobox.errors import HashMismatch
from reprobox.image.paths import FORMAT
from reprobox.kit.canon import Digest, digest_of
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.ports import Progress

_CHUNK = 1 << 20
_THREADS = 4


class Sink(Protocol):
    """All that a writer of bytes needs."""

    def write(self, data: bytes, /) -> Any:
        """Takes bytes."""


class Inputs(Protocol):
    """The part of `Objects` that measuring a layer needs; `build --check` has one of its own."""

    def path(self, digest: str) -> Path:
        """The file that holds the bytes. Raises FetchError when absent."""

    def verify(self, digest: str) -> bool:
        """Reads the bytes again and compares."""

    def memo(self, key: str) -> Any | None:
        """A derived fact, or None."""

    def remember(self, key: str, value: Any) -> None:
        """Keeps a derived fact."""


class Hashing:
    """Hashes and counts what passes through to another sink, or to nowhere."""

    def __init__(self, target: Sink | None = None) -> None:
        self._target = target
        self._hasher = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes, /) -> int:
        """Takes bytes."""
        self._hasher.update(data)
        self.size += len(data)
        if self._target is not None:
            self._target.write(data)
        return len(data)

    @property
    def digest(self) -> Digest:
        """Of everything so far."""
        return Digest("sha256:" + self._hasher.hexdigest())


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A layer that can be written but was not measured yet."""

    name: str
    """For people and for the image's history: `wheel torch 2.13.0`."""
    key: Any
    """JSON that decides every byte of the layer, besides FORMAT."""
    needs: tuple[str, ...]
    """Digests of the objects that are read."""
    write: Callable[[Sink], None]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of known digest and size (bytes)."""

    name: str
    diff_id: str
    size: int
    needs: tuple[str, ...]
    write: Callable[[Sink], None]

    def write_checked(self, target: Sink) -> None:
        """Writes the layer and holds it against its digest.

        Raises:
            HashMismatch: the bytes are not what they were when the layer was measured.
        """
        hashing = Hashing(target)
        self.write(hashing)
        if (hashing.digest, hashing.size) != (self.diff_id, self.size):
            raise HashMismatch(
                f"layer '{self.name}' came out as {hashing.digest} ({hashing.size} bytes)",
                why=f"It was {self.diff_id} ({self.size} bytes) before: an object that it is made "
                "of has changed in the store.",
                next_step="check the store: reprobox fsck",
            )


def stored(name: str, diff_id: str, objects: Inputs) -> Layer:
    """A layer whose tar is an object.

    Raises:
        FetchError: when it is not in the store.
    """
    path = objects.path(diff_id)
    return Layer(
        name=name, diff_id=diff_id, size=path.stat().st_size, needs=(diff_id,), write=_copier(path)
    )


def spooled(name: str, write: Callable[[Sink], None], folder: Path) -> Layer:
    """A layer that is written once, into a file of the folder; for temporary images, whose bytes
    are worth no memo.
    """
    path = folder / f"{len(list(folder.iterdir()))}.tar"
    with path.open("wb") as file:
        hashing = Hashing(file)
        write(hashing)
    return Layer(
        name=name, diff_id=hashing.digest, size=hashing.size, needs=(), write=_copier(path)
    )


def _copier(path: Path) -> Callable[[Sink], None]:
    def write(target: Sink) -> None:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                target.write(chunk)

    return write


def memo_key(kind: str, key: Any) -> str:
    """The name under which a derived fact of this FORMAT is remembered."""
    return f"image/{kind}/{FORMAT}/{digest_of(key).removeprefix('sha256:')}"


def measure(recipes: Iterable[Recipe], objects: Inputs, progress: Progress) -> list[Layer]:
    """Pass 1: the digest and size of each recipe, from the memo or by writing it to nowhere.

    Threads help: zlib and sha256 let go of the GIL.

    Raises:
        HashMismatch: an object is not what its digest says.
        ImageError: a wheel cannot be installed.
    """
    wanted = list(recipes)
    facts = [_remembered(recipe, objects) for recipe in wanted]
    missing = [number for number, fact in enumerate(facts) if fact is None]
    if missing:
        from concurrent.futures import ThreadPoolExecutor  # a run of a known image needs none

        with (
            progress.task("hash layers") as bar,
            ThreadPoolExecutor(_THREADS) as pool,
        ):
            measured = pool.map(lambda at: _measured(wanted[at], objects), missing)
            for done, (number, fact) in enumerate(zip(missing, measured, strict=True), 1):
                facts[number] = fact
                bar.update(0, f"{done} of {len(missing)}")
    return [
        _layer(recipe, fact) for recipe, fact in zip(wanted, facts, strict=True) if fact is not None
    ]


def _remembered(recipe: Recipe, objects: Inputs) -> tuple[str, int] | None:
    fact = objects.memo(memo_key("layer", recipe.key))
    if not isinstance(fact, dict):
        return None
    return str(fact["diff_id"]), int(fact["size"])


def _measured(recipe: Recipe, objects: Inputs) -> tuple[str, int]:
    check_objects(recipe.name, recipe.needs, objects)
    hashing = Hashing()
    recipe.write(hashing)
    objects.remember(
        memo_key("layer", recipe.key), {"diff_id": hashing.digest, "size": hashing.size}
    )
    return hashing.digest, hashing.size


def _layer(recipe: Recipe, fact: tuple[str, int]) -> Layer:
    return Layer(
        name=recipe.name, diff_id=fact[0], size=fact[1], needs=recipe.needs, write=recipe.write
    )


def check_objects(name: str, digests: Iterable[str], objects: Inputs) -> None:
    """Reads objects again and compares.

    Raises:
        FetchError: one is absent.
        HashMismatch: one is not what its digest says, with the file to delete.
    """
    for digest in digests:
        path = objects.path(digest)
        if not objects.verify(digest):
            raise HashMismatch(
                f"'{name}' needs {digest}, and the store's copy has other bytes",
                why=f"The file was damaged or changed: {path}",
                next_step="delete that file, then `reprobox lock --vendor` fetches it again "
                "(`build` makes a derived layer again)",
            )
