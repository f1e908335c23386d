"""Holds the claims of a config against what a run left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reprobox.context import Context
from reprobox.judge import rules
from reprobox.model.claims import Checked, Claim, Parsed, Scalar
from reprobox.model.record import Record

if TYPE_CHECKING:
    from reprobox.judge.reader import Reader

_SHOWN = 5
_MOST = 100_000
"""Values of one array that a claim looks at."""


class _Unknown(Exception):
    """The values of a claim cannot be had."""


def of_run(context: Context, record: Record) -> tuple[Checked, ...]:
    """The claims about a run alone, checked; none where its config claims nothing."""
    claims = [one for one in record.intent.runspec.claims if not Parsed(one.text).needs_original]
    if not claims:
        return ()
    from reprobox.judge.reader import Reader

    with Reader() as reader:
        return tuple(_check(context, reader, claim, record, None) for claim in claims)


def of_pair(
    context: Context, reader: Reader, original: Record, replay: Record
) -> tuple[Checked, ...]:
    """The original's claims, checked on the replay."""
    claims = original.intent.runspec.claims
    return tuple(_check(context, reader, claim, replay, original) for claim in claims)


def _check(
    context: Context, reader: Reader, claim: Claim, record: Record, original: Record | None
) -> Checked:
    parsed = Parsed(claim.text)
    values: tuple[Scalar, ...] = ()
    try:
        values = tuple(_values(context, reader, parsed, record))
        before = tuple(_values(context, reader, parsed, original)) if original else ()
        holds = parsed.holds(values, before)
    except (_Unknown, ValueError) as fault:
        return Checked(
            name=claim.name,
            text=claim.text,
            outcome="inconclusive",
            values=values[:_SHOWN],
            why=str(fault),
        )
    return Checked(
        name=claim.name,
        text=claim.text,
        outcome="holds" if holds else "fails",
        values=values[:_SHOWN],
    )


def _values(context: Context, reader: Reader, parsed: Parsed, record: Record) -> Iterator[Scalar]:
    """The values that a claim names, of every output that its path means."""
    outputs = context.runs.outputs(record.id)
    files = [one for one in outputs if rules.matches(one.path, parsed.file)]
    if not files:
        raise _Unknown(f"run {record.id} has no output {parsed.file}")
    for file in files:
        path = context.runs.path(record.id) / "outputs" / file.path
        if not path.is_file():
            raise _Unknown(f"{file.path} of run {record.id} is not in this store")
        said = reader.leaves(path, name=file.path, patterns=[parsed.values], most=_MOST)
        if "leaves" not in said:
            raise _Unknown(f"{file.path}: {said.get('why', 'it cannot be read')}")
        for leaf in said["leaves"]:
            if leaf.get("cut"):
                raise _Unknown(f"{file.path}: more values than a claim can look at")
            yield from leaf["values"] if "values" in leaf else (leaf["value"],)
