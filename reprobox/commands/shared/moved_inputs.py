"""Inputs of a project that was moved: a record names them by the place where they were, and below
the project they still are where they were relative to its top.

Only bytes decide: a candidate is taken where its digest is the recorded one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from reprobox.context import Context
from reprobox.data import pins
from reprobox.data.pins import Input
from reprobox.errors import InputError
from reprobox.model.runspec import InputPin


def again(context: Context, pin: InputPin) -> Input:
    """A recorded input at its recorded place, else below this project.

    Raises:
        InputError: it is missing or changed there, and below this project nothing has its bytes.
    """
    try:
        return _at(context, pin, Path(pin.source))
    except InputError as error:
        for place in candidates(context.top, pin):
            try:
                found = _at(context, pin, place)
            except InputError:
                continue
            context.progress.note(f"input {pin.path} is at {place} now")
            return found
        raise error


def _at(context: Context, pin: InputPin, place: Path) -> Input:
    return pins.again(pin, place, context.objects, context.progress, kept=context.all_objects)


def candidates(top: Path, pin: InputPin) -> Iterator[Path]:
    """Places below a project that end as the recorded one does, the longest end first, and may hold
    the input.
    """
    parts = PurePosixPath(pin.source).parts[1:]
    for start in range(len(parts)):
        place = top.joinpath(*parts[start:])
        if ".." in parts[start:] or str(place) == pin.source:
            continue
        if place.is_dir() if pin.kind == "tree" else _has_size(place, pin.size):
            yield place


def _has_size(place: Path, size: int) -> bool:
    return place.is_file() and place.stat().st_size == size
