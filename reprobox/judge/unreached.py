"""Which processes of a run the injected runtime did not reach, by the markers that are there
and those that are not.

A process that was reached has left a marker, and a marker names the programs that its process
started through `subprocess`. So a Python that is named and has no marker has escaped (-I, -E, -S,
another PYTHONPATH); so has everything where there is no marker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reprobox.judge import languages

Facts = Mapping[str, Any]

_PYTHON = re.compile(r"(python|pypy)[\d.]*")
_WORDS = 12
_ESCAPED = "it left no marker, though it is Python: it ran with -I, -E, -S or without PYTHONPATH"


def outside(argv: Sequence[str], met: Facts) -> tuple[str, ...]:
    """What was not reached or not wholly, in words for people; empty when all is well.

    Args:
        argv: the command of the run.
        met: of its record.
    """
    reached = [one for one in met.get("processes") or () if isinstance(one, Mapping)]
    if not reached:
        return (
            (
                f"{_text(argv)}: no process of it was reached: it is not Python, or ran with -I, "
                "-E, -S or without PYTHONPATH"
            ),
        )
    return (*_main(argv, reached), *_children(reached), *_faults(reached))


def others(met: Facts) -> tuple[str, ...]:
    """Programs that are not Python, started by Python: no profile speaks for them."""
    reached = [one for one in met.get("processes") or () if isinstance(one, Mapping)]
    strange = (words for words in _unmarked(reached) if not _is_python(words))
    return tuple(sorted({_text(words) for words in strange if not languages.only_asks(words)}))


def static(met: Facts) -> tuple[str, ...]:
    """Statically linked programs that Python started, each with the line that did."""
    return tuple(
        sorted(
            {
                f"{_text([str(word) for word in child.get('argv') or ()])}, started at "
                f"{child['static']}"
                for one in met.get("processes") or ()
                if isinstance(one, Mapping)
                for child in one.get("children") or ()
                if isinstance(child, Mapping) and child.get("static")
            }
        )
    )


def _main(argv: Sequence[str], reached: Sequence[Facts]) -> Iterator[str]:
    """The command itself: PID 1 is the shim, so the marker of the program that it started has
    parent 1.
    """
    if _is_python(argv[:1]) and not any(one.get("ppid") == 1 for one in reached):
        yield f"{_text(argv)}: {_ESCAPED}"


def _children(reached: Sequence[Facts]) -> Iterator[str]:
    for words in _unmarked(reached):
        if _is_python(words):
            yield f"{_text(words)}: {_ESCAPED}"


def _faults(reached: Sequence[Facts]) -> Iterator[str]:
    for one in reached:
        if one.get("errors"):
            yield f"{_text(one.get('argv') or ())}: {'; '.join(map(str, one['errors']))}"


def _unmarked(reached: Sequence[Facts]) -> Iterator[Sequence[str]]:
    """A shell's command may have run as its child, so a marker whose parent is the process counts
    too.
    """
    marked = {one.get("pid") for one in reached} | {one.get("ppid") for one in reached}
    for one in reached:
        for child in one.get("children") or ():
            if child.get("pid") not in marked:
                yield [str(word) for word in child.get("argv") or ()]


def _is_python(words: Sequence[str]) -> bool:
    """Whether a command is an interpreter of Python, or a shell's line that names one."""
    first = " ".join(words[:1]).split() if len(words) == 1 else list(words[:1])
    return any(_PYTHON.fullmatch(word.rpartition("/")[2]) for word in first)


def _text(words: Sequence[str]) -> str:
    return " ".join([*map(str, words[:_WORDS]), *(["..."] if len(words) > _WORDS else [])])
