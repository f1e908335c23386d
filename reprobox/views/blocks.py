"""What a view is made of: lines and tables of styled text. The terminal and the page draw them."""

from __future__ import annotations

from typing import Literal

from reprobox.kit.lazy_dataclass import dataclass

Style = Literal["", "green", "yellow", "red", "dim", "bold"]


@dataclass(frozen=True)
class Line:
    """One line of text."""

    text: str
    style: str = ""


Cell = str | Line | tuple[str, ...]
"""Of a table: a text, a styled text, or several lines."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under column names."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    right: tuple[str, ...] = ()
    """Names of the columns that are set flush right."""


Block = Line | Table


@dataclass(frozen=True, kw_only=True)
class Section:
    """Blocks that belong together; the title is for pages, the terminal leaves it out."""

    title: str
    blocks: tuple[Block, ...]
