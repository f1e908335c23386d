"""Which rule an output has, and what the rules say of the values in it.

A rule's pattern is a path, `model.pt` or `results/*.json`. Behind a `#` it names values in the
file: `metrics.json#$.runtime`, `log.csv#elapsed`, `events*#time/step`, `model.ckpt#optimizer`,
`data.zip#notes.txt!`. What such a part of a pattern means: `judge.leaves`.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

from reprobox.model.spec import OUTSIDE, OutputRule

BYTES = OutputRule(pattern="*")
"""The rule of an output that no rule names."""
LOOKING = ("content", "tensors", "except-times")
"""Comparisons that look into a file."""


def rule_for(path: str, rules: Sequence[OutputRule]) -> OutputRule:
    """The first rule that names the file; by content, where rules name values in it only."""
    for rule in rules:
        if matches(path, rule.pattern):
            return rule
    inner = treatments(path, rules)
    return OutputRule(pattern=path, compare="content") if inner else BYTES


def treatments(path: str, rules: Sequence[OutputRule]) -> list[dict[str, Any]]:
    """What the rules say of values in a file, as `judge.content` reads it."""
    found: list[dict[str, Any]] = []
    for rule in rules:
        file, sign, inside = rule.pattern.partition("#")
        if sign and inside and matches(path, file):
            found.append(_treatment(inside, rule))
    return found


def _treatment(pattern: str, rule: OutputRule) -> dict[str, Any]:
    if rule.compare == "ignore":
        return {"pattern": pattern, "compare": "ignore"}
    if rule.ulp or rule.atol or rule.rtol:
        distances: Mapping[str, Any] = {"ulp": rule.ulp, "atol": rule.atol, "rtol": rule.rtol}
        return {"pattern": pattern, "compare": "tolerance", **distances}
    return {"pattern": pattern, "compare": "exact"}


def matches(path: str, pattern: str) -> bool:
    """Whether a pattern means an output: by its whole path from the top; without a `/`, or after
    `**/`, from any directory on.

    `*` is any text, across `/` too, so `results/*` is everything below, as is `results/`.
    """
    core = pattern.removeprefix("./").removeprefix("**/")
    anywhere = "/" not in pattern or pattern.startswith("**/")
    core = core.removeprefix("/") + ("*" if core.endswith("/") else "")
    forms = [core, core.replace("/**/", "/")]
    if pattern.startswith("/"):  # also a place of the container, where it was collected from
        forms += [f"{OUTSIDE}/{form}" for form in forms]
    return any(
        fnmatch.fnmatchcase(path, form) or (anywhere and fnmatch.fnmatchcase(path, f"*/{form}"))
        for form in forms
    )
