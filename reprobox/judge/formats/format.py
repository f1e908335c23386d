"""What every format's module says of itself, and how its library is loaded."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.leaves import Unreadable
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.version import __version__

HEAD = 520


@dataclass(frozen=True, kw_only=True)
class Head:
    """What decides the format of a file."""

    first: bytes
    """Its first bytes, at most HEAD of them."""
    name: str
    """In lower case."""
    size: int
    path: Path

    @property
    def suffix(self) -> str:
        """The ending with its dot, or nothing."""
        return self.name[self.name.rfind(".") :] if "." in self.name else ""


@dataclass(frozen=True, kw_only=True)
class Format:
    """One row of FORMATS.

    Args:
        name: as verdicts show it.
        files: which files have it, for the table of the docs.
        by: how they are read, for the same table.
        claims: whether a file is of this format.
        read: its content. May raise Unreadable, and whatever a damaged file makes it raise.
        left_out: key → what is not compared under `content`. Every byte that a reader leaves out
            is left out under one of these keys.
        library: the module whose version decides; none for a reader of our own.
        extra: of `pip install 'reprobox[…]'`, which brings that module.
        not_checked: key → which files of the format are *not checked*, besides those of any format
            (`registry.NOT_CHECKED`).
        beyond: from where on a file is more than is read, and *not checked*.
    """

    name: str
    files: str
    by: str = "own"
    claims: Callable[[Head], bool]
    read: Callable[[File], Content]
    left_out: Mapping[str, str] = field(default_factory=dict)
    library: str = ""
    extra: str = ""
    not_checked: Mapping[str, str] = field(default_factory=dict)
    beyond: tuple[str, ...] = ()

    def reader(self) -> str:
        """What decided, with its version."""
        if not self.library:
            return f"{self.name}: reprobox {__version__}"
        return f"{self.name}: {self.library} {sys.modules[self.library].__version__}"


def library(module: str, what: str, extra: str) -> Any:
    """An optional library. Raises Unreadable, which says how to install it, where it is absent."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Unreadable(
            f"{what} is read through {module.partition('.')[0]}, which is not installed "
            f"(pip install 'reprobox[{extra}]')"
        ) from error
