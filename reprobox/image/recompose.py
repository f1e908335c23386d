"""The second composition of `build --check`, in a process of its own under other circumstances; see
`check`.

Reads a request (JSON) from stdin and answers on stdout. It is a program, started as `python -m
reprobox.image.again`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from reprobox.errors import FetchError
from reprobox.image import layer, layer_plan
from reprobox.image.layer import Layer, Sink
from reprobox.image.oci_documents import of_lock
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.lock import Lock

_YEAR = 365.25 * 86400


class Files:
    """Objects by path: what the parent has, read-only and without memory, so that everything is
    computed again.
    """

    def __init__(self, paths: dict[str, str]) -> None:
        self._paths = {digest: Path(path) for digest, path in paths.items()}

    def path(self, digest: str) -> Path:
        """The file. Raises FetchError."""
        if digest not in self._paths:
            raise FetchError(f"the check was not given {digest}")
        return self._paths[digest]

    def verify(self, digest: str) -> bool:
        """Reads the bytes again."""
        return canon.digest_file(self.path(digest)) == digest

    def memo(self, key: str) -> Any | None:
        """Nothing is known."""
        return None

    def remember(self, key: str, value: Any) -> None:
        """Nothing is kept."""


class Silence:
    """Progress that is not shown."""

    @contextlib.contextmanager
    def task(self, what: str, total: int | None = None) -> Iterator[Silence]:
        """No bar."""
        yield self

    def update(self, advance: int, note: str = "") -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


def main() -> None:
    """Answers one request."""
    request = canon.parse(sys.stdin.buffer.read())
    os.umask(int(request["umask"]))
    _other_clock()
    answer = compose(request)
    sys.stdout.buffer.write(canon.canonical(answer))


def _other_clock() -> None:
    """A year on, for everything in this process that asks; the clock of the machine is not ours to
    set.
    """
    real = time.time
    time.time = lambda: real() + _YEAR


def compose(request: dict[str, Any]) -> dict[str, Any]:
    """The image again, from the same objects, with the lock's lists backwards; layers that differ
    are left as files.
    """
    lock = turned(codec.from_json(Lock, request["lock"], where="the check's request"))
    objects = Files(request["paths"])
    known = [_known(fact) for fact in request["below"]]
    above = [_known(fact) for fact in request["above"]]
    recipes = layer_plan.recipes(lock, len(known), objects)
    made = layer.measure(recipes, objects, Silence())
    layers = (*known, *made, *above)
    composition = of_lock(lock, request["lock_digest"], layers)
    return {
        "config": composition.image.config,
        "manifest": composition.image.manifest,
        "layers": [{"name": one.name, "diff_id": one.diff_id} for one in layers],
        "files": _leave(layers, request["expected"], Path(request["folder"])),
    }


def turned(lock: Lock) -> Lock:
    """The lock with its lists backwards: a shuffle would leave short lists as they are now and
    then.
    """
    base = replace(lock.base, packages=lock.base.packages[::-1])
    return replace(
        lock,
        base=base,
        wheels=lock.wheels[::-1],
        debs=lock.debs[::-1],
        conda=lock.conda[::-1],
    )


def _known(fact: dict[str, Any]) -> Layer:
    def refuse(target: Sink) -> None:
        raise FetchError(f"the check does not write '{fact['name']}'")

    return Layer(
        name=fact["name"], diff_id=fact["diff_id"], size=fact["size"], needs=(), write=refuse
    )


def _leave(layers: tuple[Layer, ...], expected: list[str], folder: Path) -> dict[str, str]:
    """Files of the layers that came out otherwise, by number."""
    left = {}
    for number, one in enumerate(layers):
        if number < len(expected) and one.diff_id != expected[number]:
            path = folder / f"{number}.tar"
            with path.open("wb") as file:
                one.write(file)
            left[str(number)] = str(path)
    return left


if __name__ == "__main__":
    main()
