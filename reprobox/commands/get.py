"""get: outputs of a run, copied to where the user wants them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from reprobox.context import Context
from reprobox.errors import StoreError, UsageError
from reprobox.executor import reconcile
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import shown
from reprobox.model.outcome import OutputFile
from reprobox.store import output_tree


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What was copied."""

    id: str
    directory: str
    outputs: tuple[OutputFile, ...]


def take(context: Context, reference: str, patterns: Sequence[str], directory: Path) -> Taken:
    """Copies a run's outputs, or those that a pattern means, each checked against its recorded
    hash.

    Raises:
        RunBusy: it has not ended.
        UsageError: a pattern means none, or something there has the name of an output.
        StoreDamaged: an output is not what was recorded.
        StoreError: the run was imported without its outputs.
    """
    run_id = reconcile.find(context, reference)
    outputs = _meant(run_id, context.runs.outputs(run_id), patterns)
    if outputs and context.runs.outputs_stayed(run_id):
        raise StoreError(
            f"the outputs of {run_id} were not included with it",
            next_step=f"make them again: reprobox replay {run_id}; or ask for a bundle with "
            "outputs",
        )
    stored, target = context.runs.path(run_id) / "outputs", directory.resolve()
    with context.progress.task("copying outputs", sum(file.size for file in outputs)) as bar:
        output_tree.take(stored, outputs, target, bar.update)
    return Taken(id=run_id, directory=str(target), outputs=outputs)


def _meant(
    run_id: str, outputs: tuple[OutputFile, ...], patterns: Sequence[str]
) -> tuple[OutputFile, ...]:
    from reprobox.judge.output_files import matches

    for pattern in patterns:
        if not any(matches(file.path, pattern) for file in outputs):
            near = difflib.get_close_matches(
                pattern, [file.path for file in outputs], n=1, cutoff=0.5
            )
            raise UsageError(
                f"no output of {run_id} matches {shown(pattern)}"
                + (f" (did you mean {shown(near[0])}?)" if near else ""),
                next_step=f"see which there are: reprobox show {run_id}",
            )
    return tuple(
        file
        for file in outputs
        if not patterns or any(matches(file.path, pattern) for pattern in patterns)
    )
