"""A measured spread: a row for each output, and the lines of config that it supports."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reprobox.kit.units import counted
from reprobox.model.spread import FileSpread, Spread
from reprobox.views.blocks import Line, Section, Table


def sections(found: Spread) -> tuple[Section, ...]:
    """The spread, then what could be declared."""
    table = Table(
        columns=("output", "identical", "at most apart", "rule"),
        rows=tuple(map(_row, found.files)),
    )
    lines = tuple(Line(line) for line in _config(found))
    return (
        Section(title="spread", blocks=(table,)),
        Section(title="config", blocks=(Line(sentence(found)), *lines)),
    )


def _row(file: FileSpread) -> tuple[str, ...]:
    far = "" if file.rel is None else f"{file.rel:.2g} relative"
    ulp = "" if file.ulp is None or file.ulp >= 1 << 20 else f"{file.ulp:,} ulp"
    apart = ", ".join(filter(None, (far, ulp, *file.kinds)))
    return file.path, f"{file.identical} of {file.runs}", apart, file.rule or file.why


def sentence(found: Spread) -> str:
    """The result in one line."""
    seeds = ", each with a seed of its own" if found.seeds else ""
    runs = counted(len(found.runs), "run")
    if all(file.identical == file.runs for file in found.files):
        return f"all outputs were identical in {runs}{seeds}: no rule is needed"
    return f"measured in {runs}{seeds}; in the config this would let them pass:"


def _config(found: Spread) -> Iterator[str]:
    """Lines to paste below `reprobox:`."""
    rules = [file.rule for file in found.files if file.rule]
    if rules:
        yield "  outputs:"
    for rule in rules:
        pattern, _, word = rule.partition(": ")
        yield f"    {json.dumps(pattern, ensure_ascii=False)}: {word}"
    if found.claims:
        yield "  claims:"
    for name, text in found.claims.items():
        yield f"    {json.dumps(name, ensure_ascii=False)}: {json.dumps(text, ensure_ascii=False)}"
