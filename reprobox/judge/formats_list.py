"""What the readers of outputs do, as tables in Markdown for docs/determinism.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reprobox.judge.formats.format import Format
from reprobox.judge.formats.registry import FORMATS, NOT_CHECKED
from reprobox.judge.leaves import MAX_LEAVES
from reprobox.judge.reader import Limits
from reprobox.kit.regex import regex

_GIB = 1 << 30
_BOUND = regex(r"([\w.-]+)\s*>=\s*([\w.]+)")


def readers(requirements: Iterable[str]) -> str:
    """Which code reads a format, and from which version of a library on.

    Args:
        requirements: of reprobox and its extras, as in pyproject.toml.
    """
    bounds: dict[str, str] = {}
    for requirement in requirements:
        if bound := _BOUND.match(requirement):
            name, version = bound.groups()
            bounds.setdefault(name.lower(), f"{name} {version} or newer")
    rows = [(one.name, one.files, one.by, _library(one, bounds)) for one in FORMATS]
    return _table(("format", "files", "read by", "library"), rows)


def _library(one: Format, bounds: Mapping[str, str]) -> str:
    found = next((bounds[name] for name in bounds if one.by.lower().startswith(name)), "")
    if not found:
        return "Python's own" if one.by.startswith("Python") else "none"
    return f"{found} (`reprobox[{one.extra}]`)" if one.extra else found


def left_out() -> str:
    """What is not compared under `content`."""
    rows = [(one.name, "; ".join(one.left_out.values()) or "nothing") for one in FORMATS]
    return _table(("format", "left out under `content`"), rows)


def not_checked() -> str:
    """Which files are not checked: of any format first, then what is more in each."""
    rows = [("any", "; ".join([*NOT_CHECKED.values(), _limits()]))]
    for one in FORMATS:
        found = [*one.not_checked.values(), *one.beyond]
        rows.append((one.name, "; ".join(found) or "nothing more"))
    return _table(("format", "*not checked*"), rows)


def _limits() -> str:
    limits = Limits()
    return (
        f"a pair that takes more than {limits.memory // _GIB} GiB of memory and four times the "
        f"size of its files, {limits.cpu} s of processor time, {limits.wall} s, or "
        f"{limits.unpacked // _GIB} GiB unpacked; more than {MAX_LEAVES:,} values"
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
