"""Is what the engine holds the image that we mean? Never by trust: a containerd store accepts
archives whose layers it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reprobox.errors import ImageMismatch
from reprobox.kit.units import counted
from reprobox.model.image import EngineImage, Image
from reprobox.model.ports import ImageEngine

_FIELDS = ("Cmd", "Entrypoint", "Env", "Labels", "User", "WorkingDir")


def verify(engine_image: EngineImage, image: Image) -> list[str]:
    """Every difference, in words; empty when it is the same image.

    The layers are compared always, because an engine may know an ID without holding the layers. The
    ID is a digest over the config (graph drivers) or over our manifest (containerd store) and
    settles the rest; on a containerd store that pulled the image the ID is neither, so the fields
    are compared one by one.
    """
    found = _layers(engine_image.diff_ids, image.diff_ids)
    if engine_image.id in (image.config, image.manifest):
        return found
    return found + _settings(engine_image.config, image)


def held(
    engine: ImageEngine,
    image: Image,
    differences: Callable[[EngineImage, Image], list[str]] = verify,
) -> EngineImage:
    """What the engine holds under the image's tag.

    Raises:
        ImageMismatch: it holds nothing there, or another image: the tag was moved a moment ago.
    """
    there = engine.inspect(image.tag)
    found = ["nothing has that name"] if there is None else differences(there, image)
    if there is None or found:
        raise ImageMismatch(
            f"the engine does not hold {image.config} as {image.tag}",
            why="\n".join(found),
            next_step="another process has moved the name; try again",
        )
    return there


def verify_recorded(
    engine_image: EngineImage, image: Image, proven: Callable[[], bool]
) -> list[str]:
    """As `verify`, for an image as a record says it; the record may be another user's, and false.

    Only the config digest is part of a run's identity. Where the engine's ID is that, all is said;
    the record's other fields count only once they are shown to follow from it, and its manifest
    digest, of which that cannot be shown, never does.

    Args:
        proven: whether layers and settings are those that the config digest is over; asked only
            where it matters.
    """
    found = _layers(engine_image.diff_ids, image.diff_ids)
    if engine_image.id == image.config:
        return found
    if not proven():
        return [
            *found,
            (
                f"the engine's ID is not {image.config}, and the record's layers and settings do "
                "not give it"
            ),
        ]
    return found + _settings(engine_image.config, image)


def _layers(theirs: tuple[str, ...], ours: tuple[str, ...]) -> list[str]:
    if theirs == ours:
        return []
    if len(theirs) != len(ours):
        return [f"the engine has {counted(len(theirs), 'layer')}, the image has {len(ours)}"]
    return [
        f"layer {number}: the engine has {other}, the image has {own}"
        for number, (other, own) in enumerate(zip(theirs, ours, strict=True), start=1)
        if other != own
    ]


def _settings(theirs: Mapping[str, Any], image: Image) -> list[str]:
    if not image.settings:
        return [
            (
                f"the engine's ID is neither {image.config} nor {image.manifest}, and the image's "
                "settings are not known"
            )
        ]
    found = []
    for key in _FIELDS:
        other, own = _plain(theirs.get(key)), _plain(image.settings.get(key))
        if other != own:
            found.append(f"{key}: the engine has {other!r}, the image has {own!r}")
    return found


def _plain(value: Any) -> Any:
    """Engines write an unset field in several ways."""
    if isinstance(value, list):
        return sorted(value)
    return value or None
