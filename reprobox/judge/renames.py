"""Files whose names differ between two runs only by what a clock, a host, a process or a generator
gave, and which file of the other run each of them is.

The two trees are walked together, directory by directory, so a directory has one counterpart, and
all that is in it follows. Where several names are alike, equal bytes decide, then the order of
their times; what stays ambiguous is not paired.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Literal

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.model.outcome import OutputFile

Kind = Literal["a time", "an identifier"]

_TIME = r"(?:[01]\d|2[0-3])[-_:.h]?[0-5]\d[-_:.m]?[0-5]\d(?:s|[.,_]\d{3,9})?(?:Z|[+-]\d\d:?\d\d)?"
_SPACED = r"(?:[01]\d|2[0-3])[-_:.h][0-5]\d[-_:.m][0-5]\ds?(?:[.,_]\d{3,9})?"
_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_NAMED = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_PARTS: tuple[tuple[Kind, str], ...] = (
    # events.out.tfevents.<seconds>.<host>.<process>.<number>; the number stays, it is a count.
    ("a time", r"(?<=tfevents\.)\d{9,}\.(?:[^/]+?\.\d+(?=\.\d+(?:\.v2)?$)|[^/]+$)"),
    ("a time", rf"(?<!\d){_YEAR}[-_.]?{_MONTH}[-_.]?{_DAY}(?:[-_T ]*{_TIME})?(?!\d)"),
    ("a time", rf"(?<!\d){_DAY}[-_.]{_MONTH}[-_.]{_YEAR}(?:[-_T ]+{_TIME})?(?!\d)"),
    ("a time", rf"(?:{_DAY}[-_ ]?)?{_NAMED}[-_ ]?\d{{1,2}}(?:[-_ ]{_YEAR})?[-_ ]{_SPACED}(?!\d)"),
    ("a time", rf"(?<!\d){_SPACED}(?!\d)"),
    # Seconds since 1970 (from 2001), milliseconds, microseconds, nanoseconds.
    ("a time", r"(?<!\d)(?<!\d\.)[12]\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?(?!\d)"),
    ("an identifier", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    # W&B: run-<date>_<time>-<id>, run-<id>.wandb.
    (
        "an identifier",
        r"(?:(?<=run-)|(?<=\d{6}-))(?=[a-z]*\d|\d*[a-z])[a-z0-9]{8}(?![a-z0-9])",
    ),
    # Ray Tune: <name>_<id>_00000_0_<parameters>.
    ("an identifier", r"(?<=_)[0-9a-f]{5}(?=_\d{5}_)"),
    # MLflow's experiments and runs, hashes, object ids.
    ("an identifier", r"(?<!\d)\d{17,19}(?!\d)"),
    ("an identifier", r"(?<![0-9a-zA-Z])(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,}(?![0-9a-zA-Z])"),
    ("an identifier", r"(?<![0-9a-fA-F])[0-9a-f]{32,64}(?![0-9a-fA-F])"),
    ("an identifier", r"tmp(?:[a-z0-9_]{8}(?![a-z0-9_])|\.[A-Za-z0-9]{6,10}(?![A-Za-z0-9]))"),
    ("an identifier", r"(?:(?<=pid)|(?<=pid[-_.=]))\d+"),
)
"""What of a name is another one in each run, the most specific first."""
_PART = regex("|".join(f"(?P<p{place}>{text})" for place, (_, text) in enumerate(_PARTS)))


def shape(name: str) -> tuple[str, frozenset[Kind]]:
    """A name with what changes in each run taken out, and what was taken out."""
    kinds: set[Kind] = set()

    def mark(match: re.Match[str]) -> str:
        kind = _PARTS[int((match.lastgroup or "p0")[1:])][0]
        kinds.add(kind)
        return "\0t" if kind == "a time" else "\0i"

    return _PART.sub(mark, name), frozenset(kinds)


def alike(left: str, right: str) -> bool:
    """Whether two names differ only by what changes in each run."""
    plain, kinds = shape(left)
    return bool(kinds) and plain == shape(right)[0]


def pattern(name: str) -> str:
    """A name as a pattern that matches it in each run."""
    return re.sub(r"(\*[-_. T]?)+\*", "*", shape(name)[0].replace("\0t", "*").replace("\0i", "*"))


@dataclass(kw_only=True)
class _Node:
    """A path of one run: a file, or a directory with what is in it."""

    file: OutputFile | None = None
    below: dict[str, _Node] = field(default_factory=dict)

    def content(self) -> Counter[tuple[str, str]]:
        """All that is below, under names without what changes."""
        if self.file is not None:
            return Counter({("", self.file.sha256): 1})
        found: Counter[tuple[str, str]] = Counter()
        for name, node in self.below.items():
            plain = shape(name)[0]
            for (rest, digest), many in node.content().items():
                found[f"{plain}/{rest}", digest] += many
        return found


def partners(ours: Mapping[str, OutputFile], theirs: Mapping[str, OutputFile]) -> dict[str, str]:
    """Our paths that have another name in the other run, and that name."""
    found: dict[str, str] = {}
    if ours.keys() != theirs.keys():
        _walk(_tree(ours), _tree(theirs), "", "", found)
    return found


def _tree(files: Mapping[str, OutputFile]) -> _Node:
    top = _Node()
    for path, file in files.items():
        node = top
        for part in path.split("/"):
            node = node.below.setdefault(part, _Node())
        node.file = file
    return top


def _walk(left: _Node, right: _Node, above: str, other: str, found: dict[str, str]) -> None:
    """Pairs what is in two directories that are each other's counterpart."""
    groups: defaultdict[tuple[str, bool], tuple[list[str], list[str]]] = defaultdict(
        lambda: ([], [])
    )
    for side, node in enumerate((left, right)):
        for name, child in node.below.items():
            groups[shape(name)[0], child.file is None][side].append(name)
    for mine, yours in groups.values():
        for name, partner in _assign(mine, yours, left, right):
            ours, theirs = above + name, other + partner
            if left.below[name].file is None:
                _walk(left.below[name], right.below[partner], f"{ours}/", f"{theirs}/", found)
            elif ours != theirs:
                found[ours] = theirs


def _assign(
    mine: Sequence[str], yours: Sequence[str], left: _Node, right: _Node
) -> Iterable[tuple[str, str]]:
    """Which of the names of one shape are counterparts."""
    if set(mine) == set(yours) or not mine or not yours:
        return [(name, name) for name in mine if name in yours]
    if len(mine) == len(yours) == 1:
        return [(mine[0], yours[0])]
    found = _by_content(mine, yours, left, right)
    rest = sorted(set(mine) - found.keys())
    others = sorted(set(yours) - set(found.values()))
    if len(rest) == len(others) == 1 or (
        len(rest) == len(others) and shape(mine[0])[1] == {"a time"}
    ):
        found |= dict(zip(rest, others, strict=True))
    else:
        found |= {name: name for name in rest if name in others}
    return found.items()


def _by_content(
    mine: Sequence[str], yours: Sequence[str], left: _Node, right: _Node
) -> dict[str, str]:
    """The pairs of equal content, where no other has it."""
    sides = []
    for names, node in ((mine, left), (yours, right)):
        by: defaultdict[frozenset[tuple[tuple[str, str], int]], list[str]] = defaultdict(list)
        for name in names:
            by[frozenset(node.below[name].content().items())].append(name)
        sides.append({key: those[0] for key, those in by.items() if len(those) == 1})
    return {name: sides[1][key] for key, name in sides[0].items() if key in sides[1]}
