"""Names that are other ones in each run, as causes, with the line of config that settles each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reprobox.judge import renames
from reprobox.kit.regex import regex
from reprobox.model.verdict import Cause, FileState, FileVerdict

WEIGHT = 75
"""Below what was observed to differ, above what is only said by the way."""
_SHOWN = 4


class Layout(NamedTuple):
    """What a tool leaves, and how its names are made the same ones in each run."""

    tool: str
    path: re.Pattern[str]
    advice: str


LAYOUTS = (
    Layout(
        "Hydra",
        regex(r"(^|/)multirun/"),
        "give Hydra a fixed place: add hydra.sweep.dir=multirun to the command",
    ),
    Layout(
        "Hydra",
        regex(r"(^|/)outputs/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d(/|$)"),
        "give Hydra a fixed place: add hydra.run.dir=outputs to the command",
    ),
    Layout(
        "MLflow",
        regex(r"(^|/)mlruns/"),
        "MLflow draws its identifiers; `rules: [mlflow]` in the config compares what they hold",
    ),
    Layout(
        "W&B",
        regex(r"(^|/)wandb/"),
        "W&B draws its identifiers; `rules: [wandb]` in the config compares what they hold",
    ),
    Layout(
        "TensorBoard",
        regex(r"tfevents\."),
        "TensorBoard writes the time, host and process into the name; `rules: [tensorboard]` in "
        "the config compares the values",
    ),
)
"""The first that fits counts."""


def causes(files: Sequence[FileVerdict]) -> Iterable[Cause]:
    """A cause for each renaming, the first few."""
    found: dict[tuple[str, str], list[FileVerdict]] = {}
    for file in files:
        if file.detail.other_name:
            ours, theirs = _first_parts(file.path, file.detail.other_name)
            found.setdefault((ours, theirs), []).append(file)
    for (ours, theirs), those in list(found.items())[:_SHOWN]:
        yield Cause(
            what=f"{_kind(ours)} in the name",
            ours=ours,
            theirs=theirs,
            advice=_advice(those[0].path, ours),
            weight=WEIGHT,
        )
    yield from _moved(files)


def _moved(files: Sequence[FileVerdict]) -> Iterable[Cause]:
    """Bytes that are in one file only of each side, whose names have nothing in common."""
    missing, extra = _alone(files, FileState.MISSING), _alone(files, FileState.EXTRA)
    for digest, path in list(missing.items())[:_SHOWN]:
        if other := extra.get(digest):
            yield Cause(
                what="the same bytes under a name that has nothing in common with the other",
                ours=path,
                theirs=other,
                advice="give the file a name that follows from the config, or none that is drawn",
                weight=WEIGHT,
            )


def _alone(files: Sequence[FileVerdict], state: FileState) -> dict[str, str]:
    """Paths by digest, where no other file of that state has those bytes; none of empty files."""
    found: dict[str, list[str]] = {}
    for file in files:
        if file.state is state and file.size and (digest := file.ours or file.theirs):
            found.setdefault(digest, []).append(file.path)
    return {digest: paths[0] for digest, paths in found.items() if len(paths) == 1}


def _first_parts(ours: str, theirs: str) -> tuple[str, str]:
    """Both paths, as far as the first directory or name that differs."""
    left, right = ours.split("/"), theirs.split("/")
    end = next(
        place for place, pair in enumerate(zip(left, right, strict=True), 1) if pair[0] != pair[1]
    )
    # The parts of one time are one name: outputs/<date>/<time>.
    while end < len(left) and left[end] != right[end]:
        end += 1
    return "/".join(left[:end]), "/".join(right[:end])


def _kind(path: str) -> str:
    kinds = renames.shape(path.rpartition("/")[2])[1] or renames.shape(path)[1]
    return " and ".join(sorted(kinds, reverse=True)) or "another part"


def _advice(path: str, ours: str) -> str:
    for layout in LAYOUTS:
        if layout.path.search(path):
            return layout.advice
    pattern = renames.pattern(ours) + ("" if ours == path else "/")
    return (
        "leave it out of the name, or declare "
        f'`outputs: {{"{pattern}": except-times}}` in the config'
    )
