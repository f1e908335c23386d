"""Numbers of text formats, exactly: what is written decides, not what a double makes of it.

A text of as many digits as a double can be rounded to stands for that double, so that
`0.1` and NumPy's `1.000000000000000056e-01` are one number, and `1e16` is the whole number
10000000000000000. A text that says more than a double holds (`9007199254740993.0`, `1e400`,
nineteen other digits) is a number of its own. Minus zero is not zero.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation

from reprobox.judge.leaves import Int, Real
from reprobox.kit.regex import regex

NUMBER = regex(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SHORT = 15
_SMALL = 1e-290
"""Below, doubles hold fewer digits."""
_LONGEST = 4000
"""Digits that are turned into a number; no program writes more."""


def number(text: str) -> Int | Real | Decimal | None:
    """What a text of the form NUMBER says; None where it is longer, or larger, than is read."""
    if len(text) <= _SHORT and text.isdigit():
        return Int(text)
    if len(text) > _LONGEST:
        return None
    value = float(text)
    if _is_double(text, value):
        return _of_double(value)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return None
    if exact.is_finite() and exact.adjusted() < _LONGEST and exact == exact.to_integral_value():
        return Int(exact)
    return exact


def _of_double(value: float) -> Int | Real:
    if value.is_integer() and not (value == 0 and math.copysign(1, value) < 0):
        return Int(value)
    return Real(value)


def _is_double(text: str, value: float) -> bool:
    """Whether the text is that double, rounded to the text's own number of digits."""
    if text == repr(value):
        return True  # what most programs write
    digits = text.lower().partition("e")[0].lstrip("+-").replace(".", "").strip("0")
    if not math.isfinite(value) or (value == 0 and digits):
        return False
    if len(digits) <= _SHORT and (value == 0 or abs(value) >= _SMALL):
        return True
    return Decimal(text) == Decimal(f"{value:.{len(digits) - 1}e}")
