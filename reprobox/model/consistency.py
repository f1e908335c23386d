"""What an intent says twice. The identity of a run is worth something only if all that is replayed
follows from it.

A record that was made elsewhere could name one image in its RunSpec, which people compare, and
another one in `image`, which is restored. So wherever a record is judged, both places are held
against each other.
"""

from __future__ import annotations

from typing import Any

from reprobox.model import codec
from reprobox.model.image import tag_of
from reprobox.model.lock import Expected, Lock
from reprobox.model.record import Intent

_last: list[tuple[Lock, str]] = []
"""The lock whose digest was asked for last: the runs of a project have few."""


def _digest_of(lock: Lock) -> str:
    for known, digest in _last:
        if known is lock:
            return digest
        if known == lock:
            _last[:] = [(lock, digest)]  # the next comparison is of identities
            return digest
    found = codec.digest(lock.without_image())
    _last[:] = [(lock, found)]
    return found


def contradictions(intent: Intent) -> dict[str, tuple[Any, Any]]:
    """What is said in two places that differ: its name, what is said of it, and what it is. Empty
    for every intent of ours.
    """
    asked, image, source = intent.runspec, intent.image, intent.source
    lock = _digest_of(intent.lock)
    made = Expected(config=image.config, manifest=image.manifest, diff_ids=image.diff_ids)
    said: dict[str, tuple[Any, Any]] = {
        "commit": (asked.commit, source.commit),
        "tree": (asked.tree, source.tree),
        "lock": (asked.lock, lock),
        "lock of the image": (image.lock, lock),
        "image": (asked.image, image.config),
        "tag of the image": (image.tag, tag_of(lock)),
        "image in the lock": (intent.lock.image or made, made),
        "container": (intent.container, f"reprobox-{intent.id}"),
    }
    if not codec.is_named(asked, intent.identity):
        said = {"identity": (intent.identity, codec.digest(asked)), **said}
    return {what: both for what, both in said.items() if both[0] != both[1]}
