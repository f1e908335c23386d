"""The directory that a command starts in."""

from __future__ import annotations

import os

from reprobox.errors import UsageError


def enter(directory: str | os.PathLike[str] | None = None) -> None:
    """Goes to a directory, or makes sure of the current one.

    Raises:
        UsageError: it is not there, or not to be entered.
    """
    try:
        os.chdir(directory or os.getcwd())
    except OSError as error:
        place = f"the directory {directory}" if directory else "the current directory"
        raise UsageError(
            f"{place} cannot be entered",
            why=error.strerror or "",
            next_step="go to a directory that is there",
        ) from error
