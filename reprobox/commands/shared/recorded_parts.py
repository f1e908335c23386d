"""What a record names, found again: the config, the image, the inputs. A replay asks for them, and
the worker of a cluster, which starts once for each run: so little is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reprobox.commands.shared import moved_inputs
from reprobox.context import Context
from reprobox.data.pins import Input
from reprobox.errors import InputError, StoreDamaged
from reprobox.kit import canon
from reprobox.kit.text import shown
from reprobox.model.runspec import InputPin

if TYPE_CHECKING:
    from reprobox.model.lock import Lock
    from reprobox.model.record import Intent


def config_again(context: Context, digest: str) -> bytes:
    """The bytes of the config file as the recorded run saw it. Raises StoreDamaged where they are
    others by now.
    """
    data = context.all_objects.path(digest).read_bytes()
    if canon.digest_bytes(data) != digest:
        raise StoreDamaged(
            f"the stored config {digest} is not what was recorded, so the replay was not started",
            next_step="`reprobox fsck` names all damage; `reprobox pull --from PLACE` fetches "
            "a good copy",
        )
    return data


def restore_image(context: Context, intent: Intent) -> tuple[str, str]:
    """The recorded image, by its digest, from wherever it can be had. Its ID in the engine, so that
    no moved tag can slip in, and where it came from.
    """
    from reprobox.image import restore
    from reprobox.store import image_addresses

    lock = intent.lock
    there, tier = restore.restore(
        intent.image,
        lock,
        objects=context.all_objects,
        engine=context.engine,
        progress=context.progress,
        # Bytes that left the store may still be had by hash from the user's own indexes.
        complete=lambda: _complete(context, lock),
        # Images are pushed after their runs, so the record cannot know where to.
        known=lambda: image_addresses.known(context.runs, intent.image.config),
    )
    return there.id, tier


def _complete(context: Context, lock: Lock) -> None:
    from reprobox.commands.shared.wheel_maker import wheel_maker
    from reprobox.lock import fetch

    maker = wheel_maker(context, context.all_objects)
    fetch.complete(lock, context.all_objects, context.progress, maker=maker)


def inputs_again(context: Context, pins: Sequence[InputPin], *, here: bool) -> tuple[Input, ...]:
    """Each pinned input where it is now; `here`: its recorded place is one of this machine. Raises
    as `replay.find_inputs`.
    """
    found: list[Input] = []
    wrong: list[str] = []
    for pin in pins:
        try:
            found.append(_find_input(context, pin, here=here))
        except InputError as reason:
            wrong.append(f"  {shown(pin.path)}: {shown(reason.what)}")
    if wrong:
        raise InputError(
            "inputs are not what the record names, so the replay was not started",
            why="\n".join(wrong),
            next_step="put the recorded bytes back, or import them with the run",
        )
    return tuple(found)


def _find_input(context: Context, pin: InputPin, *, here: bool) -> Input:
    from reprobox.commands.shared import input_transfer
    from reprobox.data import pins as pins_

    if pin.tracked:
        return Input(pin=pin, source=None)
    # The bytes may be in the store by chance, or from an export; what lies there now counts.
    at_its_place = here and Path(pin.source).exists()
    kept = None if at_its_place else input_transfer.find(context, pin)
    if kept is None:
        return moved_inputs.again(context, pin)
    return pins_.again(pin, kept, context.objects, context.progress, kept=context.all_objects)
