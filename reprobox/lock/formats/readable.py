"""Files that are no text at all, told apart from files with a mistake in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reprobox.errors import LockInvalid


@contextmanager
def as_text(name: str) -> Iterator[None]:
    """Reads a file of requirements or a lock inside.

    Raises:
        LockInvalid: it is not UTF-8, which TOML, JSON and YAML of lock tools are.
    """
    try:
        yield
    except UnicodeDecodeError as fault:
        raise LockInvalid(
            f"{name} is not text in UTF-8",
            why=f"Byte {fault.start} is {fault.object[fault.start]:#04x}.",
            next_step="save it as UTF-8, or make it again with the tool that wrote it",
        ) from fault
