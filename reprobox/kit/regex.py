"""`regex`: as `re.compile`, for the expressions of a module. Each is compiled at its first use.

A `run` imports some 90 expressions and uses 20 of them. Compiling all took 30 ms of it. What type
checkers see is the library's function.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    regex = re.compile


class _Regex:
    """Has the attributes of the compiled expression, each from its first use on."""

    def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
        self.pattern = pattern
        self._given = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # `copy` and the like look for methods of their own
            raise AttributeError(name)
        # The library remembers what it compiled, so further attributes cost a look.
        found = getattr(re.compile(self.pattern, self._given), name)
        self.__dict__[name] = found
        return found

    def __repr__(self) -> str:
        return f"regex({self.pattern!r})"


if not TYPE_CHECKING:
    regex = _Regex
