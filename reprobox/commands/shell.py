"""shell: a prompt in a run's own image, code, inputs and profile; noted, and never a run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reprobox.commands import replay as replay_command
from reprobox.commands.shared import intents
from reprobox.commands.shared.code_choice import Choice
from reprobox.context import Context
from reprobox.executor import journal, local, reconcile
from reprobox.executor.base import Job
from reprobox.model import codec
from reprobox.model.record import Intent

TAG = "exploratory"
LOG = "shells.log"
_WAIT = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); signal.pause()"
SHELL = ("/bin/sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash; exec sh")


def of_run(context: Context, reference: str, argv: Sequence[str], *, trust: bool = False) -> int:
    """Opens a recorded run's image, code and inputs; the exit code of the shell.

    Raises:
        as `replay`, before anything is started.
    """
    run_id = reconcile.find(context, reference)
    record, digest = context.runs.record(run_id)
    made = replay_command.ready(context, record, digest, env={}, trust=trust)
    return _open(context, made.intent, made.job, argv)


def of_config(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    argv: Sequence[str],
    choice: Choice,
    gpus: str | None = None,
) -> int:
    """Opens what `run` would run; the exit code of the shell. Raises as `run`."""
    asked = intents.temporary(context, config, overrides, gpus=gpus, choice=choice)
    with asked as (_, intent, job):
        return _open(context, intent, job, argv)


def _open(context: Context, intent: Intent, job: Job, argv: Sequence[str]) -> int:
    with _container(context, _waiting(context, intent), job) as container:
        image, commit = intent.image.config[7:19], intent.source.commit[:12]
        context.progress.note(
            f"commit {commit}, image {image}; what is changed here is gone at the end"
        )
        code = context.engine.on_terminal(container, argv or SHELL)
        _note(context, intent, argv, code)
        return code


def _waiting(context: Context, intent: Intent) -> Intent:
    """The intent of a container that waits until it is stopped, everything else as asked."""
    run_id = context.runs.new_id(context.clock())
    command = (intent.lock.python.executable, "-c", _WAIT)
    limits = replace(intent.runspec.resources, timeout=None)
    runspec = replace(intent.runspec, argv=command, resources=limits)
    return replace(
        intent,
        id=run_id,
        runspec=runspec,
        identity=codec.digest(runspec),
        name=None,
        tags=(TAG,),
        replay_of=None,
        created=context.clock(),
        container=f"reprobox-{run_id}",
    )


@contextmanager
def _container(context: Context, intent: Intent, job: Job) -> Iterator[str]:
    """A started container that leaves no record, whatever happens in it."""
    run, container, _ = local.launch(context, intent, job)
    try:
        yield container
    finally:
        local.unmake(context, run, intent)
        local.discard(context, run)
        journal.end(context, intent.id)


def _note(context: Context, intent: Intent, argv: Sequence[str], code: int) -> None:
    line = {
        "at": context.clock(),
        "commit": intent.source.commit,
        "image": intent.runspec.image,
        "identity": intent.identity,
        "replay_of": intent.replay_of,
        "command": list(argv),
        "exit_code": code,
    }
    with (context.runs.root / LOG).open("a") as log:
        log.write(json.dumps(line, sort_keys=True) + os.linesep)
