"""`reprobox run`: its options and words to the command, and what came of it to the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reprobox.cli.messages import Talk
from reprobox.cli.opening import config_first, for_the_scheduler, open_context
from reprobox.cli.streams import Streams
from reprobox.commands import run as flow
from reprobox.commands.shared.code_choice import Choice
from reprobox.context import Context
from reprobox.executor.attach import Watcher
from reprobox.model.record import Intent, Record

_AT_THE_END = (
    "reprobox.commands.shared.claim_check",
    "reprobox.views.run",
    "reprobox.views.verdict",
)


def run(
    talk: Talk,
    config: Path = Path("config.yaml"),
    overrides: Sequence[str] = (),
    *,
    gpus: str | None = None,
    name: str | None = None,
    tag: Sequence[str] = (),
    snapshot: bool = False,
    commit: str | None = None,
    preflight: int | None = None,
    notebook: Path | None = None,
    detach: bool = False,
    on: str = "local",
    as_json: bool = False,
) -> int:
    """The exit code: the program's own."""
    words, options = for_the_scheduler([str(config), *overrides])
    config, changes = config_first(Path(words[0] if words else "config.yaml"), words[1:])
    if notebook is not None:
        changes = [flow.notebook_override(notebook, config), *changes]
    context = open_context(talk, None if commit else config)
    context.soon += _AT_THE_END
    watcher = None if detach else Watcher(Streams(quiet_stdout=as_json), talk.note)
    record = flow.run(
        context,
        config,
        changes,
        watcher,
        gpus=gpus,
        name=name,
        tags=tag,
        choice=Choice(snapshot=snapshot, commit=commit),
        preflight=preflight,
        on=on,
        options=options,
    )
    if isinstance(record, Intent):
        talk.data(
            {"id": record.id, "path": str(context.runs.path(record.id))}
        ) if as_json else talk.line(record.id)
        return 0
    if as_json:
        talk.data({"id": record.id, "path": str(context.runs.path(record.id)), "record": record})
    return _ended(talk, context, record, snapshot=snapshot)


def _ended(talk: Talk, context: Context, record: Record, *, snapshot: bool) -> int:
    """Says how the run ended; its exit code."""
    from reprobox.commands.shared import claim_check
    from reprobox.views import run as view
    from reprobox.views import verdict

    for claim in verdict.claims(claim_check.of_run(context, record)):
        talk.note(claim.text)
    if snapshot:
        _advise(talk, record)
    path = context.runs.path(record.id) / "outputs"
    for line in view.ended(record, str(_from_here(path))):
        talk.note(line)
    return record.exit.status


def _advise(talk: Talk, record: Record) -> None:
    """`--snapshot` is for runs that are made again and again, so the time of imports counts."""
    from reprobox.commands.shared import bytecode_hint

    if text := bytecode_hint.advice(record.intent):
        talk.note(text)


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
