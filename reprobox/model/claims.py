"""What a config claims of its results: `final accuracy: "results/metrics.json#$.accuracy >= 0.96"`.

A claim names values of one output, as a rule does, and what they are to be:

    metrics.json#$.accuracy >= 0.96          every value that the pattern selects
    last log.csv#loss < 0.1                  also first, min, max, mean
    metrics.json#$.auc = 0.91 +- 0.005       also within 0.5% of a number
    scores.csv#accuracy same ranking         the order of the values is that of the original
    metrics.json#$.auc within 1%             of the original's value; also within 0.01
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

Scalar = str | int | float | bool | None
Outcome = Literal["holds", "fails", "inconclusive"]

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_CLAIM = regex(
    rf"""(?:(?P<pick>first|last|min|max|mean)\s+)?
    (?P<file>[^#]+)\#(?P<values>.+?)\s*
    (?:(?P<ranking>\s same\s+ranking)
      |\s within\s+(?P<near>{_NUMBER})\s*(?P<near_percent>%)?
      |(?P<sign>>=|<=|==|!=|=|>|<)\s*(?P<bound>{_NUMBER})
       (?:\s*(?:\+-|±)\s*(?P<margin>{_NUMBER})\s*(?P<percent>%)?)?
      |(?P<same>==|!=|=)\s*(?P<text>"[^"]*"))""",
    re.VERBOSE,
)
_EXAMPLE = "results/metrics.json#$.accuracy >= 0.96"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim as the config has it."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A claim, checked against the values of a run."""

    name: str
    text: str
    outcome: Outcome
    values: tuple[Scalar, ...] = ()
    """The first few that were looked at."""
    why: str = ""
    """Where it fails or is inconclusive."""


class Parsed:
    """A claim that was read. Raises ValueError where the text is none."""

    def __init__(self, text: str) -> None:
        match = _CLAIM.fullmatch(text.strip())
        if match is None or match["values"].strip().endswith(("=", "<", ">", "!")):
            raise ValueError(f"{text!r} is not a claim; write it as {_EXAMPLE!r}")
        self._match = match
        self.file, self.values = match["file"].strip(), match["values"].strip()
        if match["margin"] and match["sign"] not in ("=", "=="):
            raise ValueError(f"{text!r}: a margin (+-) needs `=` before its number")

    @property
    def needs_original(self) -> bool:
        """Whether it is about two runs, so a run alone holds nothing against it."""
        return bool(self._match["ranking"] or self._match["near"])

    def holds(self, values: Sequence[Scalar], original: Sequence[Scalar] = ()) -> bool:
        """Whether it holds of these values.

        Raises:
            ValueError: they are no numbers, or of another number than the original's.
        """
        match = self._match
        if match["text"] is not None:
            same = [value == match["text"][1:-1] for value in values]
            return not any(same) if match["same"] == "!=" else all(same)
        numbers = self._picked(_numbers(values))
        if match["ranking"]:
            return _order(numbers) == _order(self._picked(_numbers(original)))
        if match["near"]:
            pairs = zip(numbers, self._picked(_numbers(original)), strict=True)
            return all(_near(one, two, match["near"], match["near_percent"]) for one, two in pairs)
        return all(self._compares(number) for number in numbers)

    def _picked(self, numbers: list[float]) -> list[float]:
        picks = {
            "first": lambda: numbers[0],
            "last": lambda: numbers[-1],
            "min": lambda: min(numbers),
            "max": lambda: max(numbers),
            "mean": lambda: math.fsum(numbers) / len(numbers),
        }
        pick = self._match["pick"]
        return [picks[pick]()] if pick else numbers

    def _compares(self, number: float) -> bool:
        match, bound = self._match, float(self._match["bound"])
        if match["margin"]:
            return _near(number, bound, match["margin"], match["percent"])
        return {
            ">=": number >= bound,
            "<=": number <= bound,
            ">": number > bound,
            "<": number < bound,
            "!=": number != bound,
        }.get(match["sign"], number == bound)


def _numbers(values: Sequence[Scalar]) -> list[float]:
    if not values:
        raise ValueError("the pattern selects no value")
    found = []
    for value in values:
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise ValueError(f"{value!r} is not a number") from None
        if isinstance(value, bool) or math.isnan(number):
            raise ValueError(f"{value!r} is not a number")
        found.append(number)
    return found


def _near(one: float, other: float, margin: str, percent: str | None) -> bool:
    far = float(margin) * (abs(other) / 100 if percent else 1)
    return abs(one - other) <= far


def _order(numbers: list[float]) -> list[int]:
    """Places by value; equal values have one rank."""
    ranks = {number: rank for rank, number in enumerate(sorted(set(numbers)))}
    return [ranks[number] for number in numbers]


def check(text: str) -> str:
    """The text, where it is a claim. Raises ValueError."""
    Parsed(text)
    return text
