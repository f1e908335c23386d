"""Which processes of a run the injected runtime did not reach, by the markers that exist and those
that are missing.

A process that was reached has left a marker, and a marker names the programs that its process
started through `subprocess`. So a Python that is named and has no marker was not reached (-I, -E,
-S, another PYTHONPATH); where no marker exists, nothing was reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reprobox.judge import languages
from reprobox.kit.regex import regex
from reprobox.model.observed import Observed, Process

_PYTHON = regex(r"(python|pypy)[\d.]*")
_WORDS = 12
_ESCAPED = "it left no marker, though it is Python: it ran with -I, -E, -S or without PYTHONPATH"


def outside(argv: Sequence[str], observed: Observed) -> tuple[str, ...]:
    """What was not reached, or only in part, in words for people; empty where all was reached.

    Args:
        argv: the command of the run.
        observed: of its record.
    """
    reached = observed.processes
    if not reached:
        return (
            (
                f"{_text(argv)}: no process of it was reached: it is not Python, or ran with -I, "
                "-E, -S or without PYTHONPATH"
            ),
        )
    return (*_main(argv, reached), *_children(reached), *_faults(reached))


def others(observed: Observed) -> tuple[str, ...]:
    """Programs that are not Python, started by Python: no profile applies to them."""
    strange = (words for words in _unmarked(observed.processes) if not _is_python(words))
    return tuple(sorted({_text(words) for words in strange if not languages.only_asks(words)}))


def static(observed: Observed) -> tuple[str, ...]:
    """Statically linked programs that Python started, each with the line that started it."""
    return tuple(
        sorted(
            {
                f"{_text(child.argv or ())}, started at {child.static}"
                for one in observed.processes
                for child in one.children or ()
                if child.static
            }
        )
    )


def _main(argv: Sequence[str], reached: Sequence[Process]) -> Iterator[str]:
    """The command itself: PID 1 is the shim, so the marker of the program that it started has
    parent 1.
    """
    if _is_python(argv[:1]) and not any(one.ppid == 1 for one in reached):
        yield f"{_text(argv)}: {_ESCAPED}"


def _children(reached: Sequence[Process]) -> Iterator[str]:
    for words in _unmarked(reached):
        if _is_python(words):
            yield f"{_text(words)}: {_ESCAPED}"


def _faults(reached: Sequence[Process]) -> Iterator[str]:
    for one in reached:
        if one.errors:
            yield f"{_text(one.argv or ())}: {'; '.join(map(str, one.errors))}"


def _unmarked(reached: Sequence[Process]) -> Iterator[Sequence[str]]:
    """A shell's command may have run as its child, so a marker whose parent is the process counts
    too.
    """
    marked = {one.pid for one in reached} | {one.ppid for one in reached}
    for one in reached:
        for child in one.children or ():
            if child.pid not in marked:
                yield child.argv or ()


def _is_python(words: Sequence[str]) -> bool:
    """Whether a command is an interpreter of Python, or a shell's line that names one."""
    first = " ".join(words[:1]).split() if len(words) == 1 else list(words[:1])
    return any(_PYTHON.fullmatch(word.rpartition("/")[2]) for word in first)


def _text(words: Sequence[str]) -> str:
    return " ".join([*words[:_WORDS], *(["..."] if len(words) > _WORDS else [])])
