"""What differences in files look like, as causes: a clock, an order, an address, one byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from reprobox.judge import renames
from reprobox.model.verdict import Cause, Chance, FileState, FileVerdict

BYTE = 76
"""Weight of one byte that differs for no other reason."""
_WEIGHT = 79
_SHOWN = 3
"""Kinds of chance that are named of one file."""
_ADVICE = {
    "a time": "the clock is in this output",
    "a duration": "how long something took is in this output",
    "a temporary path": "a temporary path is in this output: write paths relative to the working "
    "directory",
    "a memory address": "an object's address is in this output: give it a name, or do not print it",
    "a random identifier": "an identifier that is drawn anew each time is in this output: derive "
    "it from the seed or the config",
    "a process": "the number of a process is in this output",
    "memory use": "how much memory was used is in this output",
}
_ORDERS = {
    "the order of items": "the same items in another order: sort sets, listings and results of "
    "parallel workers before writing",
    "the order of keys": "the same values under other keys' order: write with sorted keys, or "
    "declare `compare: content`",
}


def causes(files: Sequence[FileVerdict], *, ordinary: bool) -> Iterable[Cause]:
    """The causes that the files themselves show.

    Args:
        ordinary: whether something that is known may have changed a byte, so that no disk is to be
            suspected.
    """
    for file in files:
        if file.state in (FileState.DIFFERENT, FileState.NOT_CHECKED):
            yield from _of_file(file, ordinary=ordinary)


def _of_file(file: FileVerdict, *, ordinary: bool) -> Iterable[Cause]:
    first, looks = file.detail.first, file.detail.looks_like
    for chance in file.detail.by_chance[:_SHOWN]:
        yield _chance(file, chance)
    if looks in _ORDERS:
        yield Cause(
            what=f"{looks} in {file.path}" + (f" at {first.name}" if first else ""),
            ours=str(first.left) if first else "",
            theirs=str(first.right) if first else "",
            advice=_ORDERS[looks],
            weight=_WEIGHT,
        )
    elif file.detail.content == "equal":
        yield _packing(file)
    elif not file.detail.by_chance and not ordinary and _one_byte(file):
        yield Cause(
            what=f"one byte of {file.path} at offset {file.detail.first_byte}",
            ours=file.ours or "",
            theirs=file.theirs or "",
            advice="one byte alone is seldom computed: suspect the disk, the memory or an edit, "
            "and verify the stored bytes",
            weight=BYTE,
        )


def _chance(file: FileVerdict, chance: Chance) -> Cause:
    more = f" and {chance.count - 1:,} more" if chance.count > 1 else ""
    advice = _ADVICE.get(chance.kind, _ADVICE[chance.kind.partition(" and ")[0]])
    return Cause(
        what=f"{chance.kind} in {file.path} at {chance.name}{more}",
        ours=str(chance.left),
        theirs=str(chance.right),
        advice=f"{advice}; leave it out, or declare `{_rule(file, chance)}` in the config",
        weight=_WEIGHT,
    )


def _packing(file: FileVerdict) -> Cause:
    """Of a file whose content is equal."""
    held = f" ({', '.join(file.detail.packing)})" if file.detail.packing else ""
    return Cause(
        what=f"only the packing of {file.path}{held}",
        ours="",
        theirs="",
        advice=f"the {file.detail.format or 'file'} content is equal: declare "
        f"`{_declared(renames.pattern(file.path), '{compare: content}')}` in the config",
        weight=_WEIGHT,
    )


def _rule(file: FileVerdict, chance: Chance) -> str:
    """The line of config that settles it, where it can."""
    path = renames.pattern(file.path)
    if file.detail.format is None:
        return _declared(path, "ignore")
    if chance.certain:
        return _declared(path, "except-times")
    inside = re.sub(r"\[\d+\]", "[*]", chance.name).removesuffix("[*]")
    lines = file.detail.format == "text" or not inside
    return _declared(path if lines else f"{path}#{inside}", "ignore")


def _declared(pattern: str, rule: str) -> str:
    return f"outputs: {{{json.dumps(pattern, ensure_ascii=False)}: {rule}}}"


def _one_byte(file: FileVerdict) -> bool:
    """Whether one byte alone differs, in what is neither a value nor text nor packing that a reader
    knows.
    """
    detail = file.detail
    return detail.bytes_differ == 1 and detail.first is None and detail.content != "equal"
