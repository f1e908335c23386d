"""Proposes rules and claims from several verdicts on one original."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from reprobox.judge import renames
from reprobox.model.spread import FileSpread, ValueSpread
from reprobox.model.verdict import FileDetail, FileState, FileVerdict, Place, Scalar

_SAME = (FileState.IDENTICAL, FileState.RENAMED)
_MARGIN = 2.0
"""A tolerance is so many times the largest distance that was measured."""
_FAR = 0.5
"""Relative distances beyond this are no rounding: no tolerance is proposed for them."""
_VALUES = 20
_NUMBERS = ("torch", "torch-legacy", "safetensors", "npy", "npz", "hdf5")


def of_files(verdicts: Sequence[Sequence[FileVerdict]]) -> list[FileSpread]:
    """The spread of each output; the verdicts are by content, of the original against each run."""
    by_path: defaultdict[str, list[FileVerdict]] = defaultdict(list)
    for files in verdicts:
        for file in files:
            by_path[file.path].append(file)
    return [_file(path, found, len(verdicts)) for path, found in sorted(by_path.items())]


def _file(path: str, found: Sequence[FileVerdict], runs: int) -> FileSpread:
    details = [file.detail for file in found]
    identical = sum(file.state in _SAME for file in found)
    rule, why = ("", "") if identical == runs else _rule(path, found, runs)
    return FileSpread(
        path=path,
        runs=runs,
        identical=identical,
        ulp=max((d.ulp for d in details if d.ulp is not None), default=None),
        abs=max((d.abs for d in details if d.abs is not None), default=None),
        rel=max((d.rel for d in details if d.rel is not None), default=None),
        kinds=tuple(sorted({chance.kind for d in details for chance in d.by_chance})),
        values=tuple(_values(details)),
        rule=rule,
        why=why,
    )


def _rule(path: str, found: Sequence[FileVerdict], runs: int) -> tuple[str, str]:
    """The narrowest rule that lets all of them pass, or why there is none."""
    pattern = renames.pattern(path)
    differing = [file for file in found if file.state not in _SAME]
    details = [file.detail for file in differing]
    if len(found) < runs or any(
        file.state in (FileState.MISSING, FileState.EXTRA) for file in found
    ):
        return "", "not every run leaves it"
    if any(file.state is FileState.NOT_CHECKED for file in differing):
        return f"{pattern}: ignore", "no reader knows what is in it, so it could only be left aside"
    if all(file.state is FileState.EQUAL_UNDER_RULE for file in differing):
        return f"{pattern}: content", ""
    if all(_only_chance(detail) for detail in details):
        return f"{pattern}: except-times", ""
    far = max((detail.rel or 0.0 for detail in details), default=0.0)
    if any(detail.missing or detail.extra or detail.by_chance for detail in details):
        return "", "its values differ by more than numbers"
    if not 0 < far <= _FAR:
        return "", "its numbers are too far apart for a tolerance"
    word = "tensors" if all(detail.format in _NUMBERS for detail in details) else "content"
    return f"{pattern}: {{compare: {word}, rtol: {_rounded(_MARGIN * far):g}}}", ""


def _only_chance(detail: FileDetail) -> bool:
    made = sum(chance.count for chance in detail.by_chance)
    return bool(made) and made == detail.count and not detail.missing and not detail.extra


def _rounded(number: float) -> float:
    """Up to one significant digit."""
    digit = 10.0 ** math.floor(math.log10(number))
    return math.ceil(round(number / digit, 9)) * digit


def _values(details: Iterable[FileDetail]) -> Iterable[ValueSpread]:
    found: dict[str, list[Scalar]] = {}
    for detail in details:
        chance = {one.name for one in detail.by_chance}
        for place in detail.differences or ([detail.first] if detail.first else []):
            if place.name not in chance and _single(place):
                found.setdefault(place.name, [place.left]).append(place.right)
    for name, values in list(found.items())[:_VALUES]:
        yield ValueSpread(name=name, values=tuple(values))


def _single(place: Place) -> bool:
    number = isinstance(place.left, int | float) and isinstance(place.right, int | float)
    return number and place.count == 1 and not place.index


def claims(files: Iterable[FileSpread]) -> Mapping[str, str]:
    """A claim for each single number that differs: the middle of what was seen, and how far."""
    found = {}
    for file in files:
        for one in file.values:
            numbers = [float(value) for value in one.values if isinstance(value, int | float)]
            low, high = min(numbers), max(numbers)
            middle, half = (low + high) / 2, (high - low) / 2
            margin = _rounded(_MARGIN * half) if half else 0.0
            text = f"{renames.pattern(file.path)}#{one.name} = {middle:.6g} +- {margin:g}"
            found[f"{file.path} {one.name}"] = text
    return found
