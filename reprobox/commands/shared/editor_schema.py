"""The JSON Schema of configs, where editors find it without a network.

A config names it relative to itself (`# yaml-language-server: $schema=...`), so the line is true in
every clone; the file itself is next to the runs, in a directory that git ignores.
"""

from __future__ import annotations

import os
from pathlib import Path

from reprobox.config import schema
from reprobox.context import Context
from reprobox.errors import NotARepository, StoreError
from reprobox.kit import files


def reference(context: Context, config: Path) -> str:
    """How a config names the schema."""
    return Path(os.path.relpath(_place(context, config), config.absolute().parent)).as_posix()


def write(context: Context, config: Path) -> None:
    """Writes the schema of this version.

    Raises:
        StoreError: it cannot be written.
    """
    place = _place(context, config)
    wanted = schema.text().encode()
    try:
        if place.is_file() and place.read_bytes() == wanted:
            return
        place.parent.mkdir(exist_ok=True)
        ignore = place.parent / ".gitignore"
        if not ignore.exists():
            files.replace(ignore, b"*\n")
        files.replace(place, wanted)
    except OSError as error:
        raise StoreError(
            f"{place} cannot be written",
            why=error.strerror or "",
            next_step="check owner and mode of that directory",
        ) from error


def refresh(context: Context, config: Path) -> None:
    """Writes the schema where the config names it, as after a clone or an upgrade."""
    if schema.FILE.encode() in config.read_bytes()[:4096]:
        write(context, config)


def _place(context: Context, config: Path) -> Path:
    """At the top of this work tree, or next to a config outside of any."""
    try:
        top = context.top
    except NotARepository:
        top = config.absolute().parent
    return top / ".reprobox" / schema.FILE
