"""run: config -> clean commit -> image -> RunSpec -> Record."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from reprobox.commands.shared import intents
from reprobox.commands.shared.code_choice import WORK_TREE, Choice
from reprobox.context import Context
from reprobox.errors import PreflightFailed, UsageError
from reprobox.executor import executors, reconcile
from reprobox.executor.attach import Watcher
from reprobox.executor.base import Job
from reprobox.kit.text import shown
from reprobox.model.record import Intent, Record


def run(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    watcher: Watcher | None,
    *,
    gpus: str | None = None,
    name: str | None = None,
    tags: Sequence[str] = (),
    choice: Choice = WORK_TREE,
    preflight: int | None = None,
    run_id: str | None = None,
    on: str = executors.LOCAL,
    options: Sequence[str] = (),
) -> Record | Intent:
    """Runs the commit's command in the lock's image and records everything.

    Args:
        watcher: follows the run to its end; None leaves it alone once it has started.
        choice: which code is run.
        preflight: so many first steps are run twice and compared before.
        run_id: a new id that the caller has noted; None makes one.
        on: the executor.
        options: of its scheduler.

    Returns:
        the record; the intent without a watcher.

    Raises:
        DirtyTree: with every reason, where the work tree is to run as its commit.
        PreflightFailed: the first steps differ, or could not be compared.
        ReproboxError: whatever else kept the experiment from starting. A failed experiment is no
            error: see the record.
    """
    executor = executors.of(context, on, options)
    executor.prepare()
    reconcile.settle(context)
    intent, job = intents.resolve(
        context,
        config,
        overrides,
        gpus=gpus,
        name=name,
        tags=tags,
        choice=choice,
        run_id=run_id,
    )
    if preflight:
        with intents.leaving_nothing(context, intent.id, choice.snapshot):
            _preflight(context, intent, job, preflight)
    if watcher is None:
        executor.submit(intent, job)
        return intent
    return executor.follow(intent, job, watcher)


def notebook_override(notebook: Path, config: Path) -> str:
    """The override by which a run executes a notebook and keeps it, with its outputs.

    Raises:
        UsageError: the file does not exist.
    """
    if not notebook.is_file():
        raise UsageError(
            f"notebook not found: {shown(str(notebook))}",
            next_step="name a file: reprobox run --notebook n.ipynb",
        )
    inside = os.path.relpath(notebook.absolute(), config.absolute().parent)
    # Without times in the metadata of cells, so that the same notebook gives the same bytes.
    words = ["jupyter", "nbconvert", "--to", "notebook", "--execute"]
    options = ["--ExecutePreprocessor.record_timing=False", "--output-dir", "executed"]
    return f"++reprobox.command={json.dumps([*words, *options, inside])}"


def _preflight(context: Context, intent: Intent, job: Job, steps: int) -> None:
    from reprobox.commands import check as check_

    found = check_.check(context, intent, job, steps=steps)
    if not found.same:
        raise PreflightFailed(
            "the preflight's two runs differ, so the run was not started"
            if found.result == "different"
            else "the preflight could not compare anything, so the run was not started",
            why="\n".join(f"  {shown(line)}" for line in check_.reasons(found)),
            next_step=f"see what differs: reprobox check --steps {steps}; or run it all the same, "
            "without --preflight",
        )
    context.progress.note("preflight: the same")
