"""`reprobox replay`: its options and words to the command, and the verdict to the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reprobox.cli import tables, verdict_output
from reprobox.cli.messages import Talk
from reprobox.cli.opening import for_the_scheduler, open_context
from reprobox.cli.streams import Streams
from reprobox.cli.verdict_format import Format
from reprobox.commands import replay as flow
from reprobox.errors import UsageError
from reprobox.executor.attach import Watcher

if TYPE_CHECKING:
    from reprobox.model.spec import OutputRule


def replay(
    talk: Talk,
    run: str = "latest",
    options: Sequence[str] = (),
    *,
    gpus: str | None = None,
    name: str | None = None,
    secrets: bool = False,
    trust: bool = False,
    trust_runtime: bool = False,
    as_recorded: bool = False,
    rule: Sequence[str] = (),
    rules: Sequence[str] = (),
    strict: bool = False,
    form: Format = Format.TEXT,
    on: str = "local",
    budget: int | None = None,
    as_json: bool = False,
) -> int:
    """The exit code: the verdict's."""
    words, more = for_the_scheduler([run, *options])
    if len(words) > 1:
        raise UsageError(
            f"replay takes one run, and {words[1]!r} is another word",
            next_step="reprobox replay --help",
        )
    run = words[0] if words else "latest"
    if budget is not None:
        from reprobox.commands import replay_steps
        from reprobox.views import replay_steps as steps_view

        found = replay_steps.replay_steps(
            open_context(talk),
            run,
            steps=budget,
            gpus=gpus,
            secrets=secrets,
            trust=trust,
            trust_runtime=trust_runtime,
        )
        tables.data_or_sections(talk, as_json, found, steps_view)
        return found.result.code
    given: tuple[OutputRule, ...] = ()
    if rule or rules:
        from reprobox.config import rule_text

        given = rule_text.given(rule, rules)
    context = open_context(talk)
    context.soon.append("reprobox.views.verdict")
    watcher = Watcher(Streams(quiet_stdout=as_json or form is not Format.TEXT), talk.note)
    done = flow.replay(
        context,
        run,
        watcher,
        gpus=gpus,
        name=name,
        secrets=secrets,
        trust=trust,
        trust_runtime=trust_runtime,
        as_recorded=as_recorded,
        rules=given,
        on=on,
        options=more,
    )
    from reprobox.views import verdict as view

    verdict_output.write(
        talk, done.verdict, Format.JSON if as_json else form, image_tier=done.image_tier
    )
    return view.exit_code(done.verdict, strict=strict)
