"""Fields that stored nouns got after 0.1.0. Not in the codec, which needs a compiled library."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

T = TypeVar("T")


def later(default: T) -> T:
    """The default of a field that a stored noun got after 0.1.0, as in `manifest: int = later(1)`.

    Such a field is left out of the document where it has its default, so that what was written
    before it existed keeps its bytes and its digest.
    """
    return dataclasses.field(default=default, metadata={"later": True})
