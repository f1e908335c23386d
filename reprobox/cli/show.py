"""`reprobox show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from reprobox.cli import tables
from reprobox.cli.messages import human
from reprobox.cli.options import JSON, RUN, open_context, talk_of
from reprobox.kit.units import counted
from reprobox.model import observed

if TYPE_CHECKING:
    from reprobox.commands.attest import Confirmation
    from reprobox.model.record import Record

_MANY = 40
"""Outputs in a table; the rest are counted."""


def show(ctx: typer.Context, run: RUN = "latest", as_json: JSON = False) -> None:
    """Show one run.

    What was asked, what was met, what came out, and who has confirmed it.

    Example:  reprobox show latest --json
    """
    from reprobox.commands import attest
    from reprobox.commands import show as command

    talk, context = talk_of(ctx), open_context(ctx)
    found = command.show(context, run)
    signed = (
        attest.confirmations(context, found.id, attest.allowed_signers(context))
        if found.record
        else []
    )
    if as_json:
        talk.data({**found.as_json(), "statements": [one.as_json() for one in signed]})
        return
    record = found.record
    if record is None:
        talk.line(f"{found.id}  {found.state}" + (f"  {found.where}" if found.where else ""))
        return
    for label, value in (
        *_lines(record),
        *((f"replay {row.id}", row.result) for row in found.verdicts),
        *map(_signed, signed),
    ):
        talk.line(f"{label:<10}  {value}")
    tables.table(
        talk,
        ("output", "size", "sha256"),
        [
            (file.path, human(file.size), file.sha256.removeprefix("sha256:")[:16])
            for file in found.outputs[:_MANY]
        ],
        right=("size",),
    )
    if len(found.outputs) > _MANY:
        talk.line(f"... and {len(found.outputs) - _MANY:,} more (--json lists all)")


def _signed(one: Confirmation) -> tuple[str, str]:
    """A statement in one line; a signature that is nobody's we know is shown by its key, and as
    that.
    """
    who = ", ".join(one.who) if one.trusted else f"{', '.join(one.keys) or 'nobody'}, not verified"
    return (
        "made by" if one.kind == "made" else "confirmed"
    ), f"{who}  {one.result}  {one.where}  {one.when}"


def _lines(record: Record) -> list[tuple[str, str]]:
    intent, asked, met = record.intent, record.intent.runspec, record.met
    cpu: dict[str, Any] = met.get("cpu") or {}
    gpus = ", ".join(str(gpu.get("name")) for gpu in met.get("gpus") or ()) or "none"
    return [
        (
            "run",
            "  ".join(
                [
                    record.id,
                    *([intent.name] if intent.name else []),
                    *(f"[{tag}]" for tag in intent.tags),
                ]
            ),
        ),
        *([("replay of", intent.replay_of)] if intent.replay_of else []),
        (
            "ended",
            (
                f"{record.exit.reason}, exit {record.exit.shown}, {tables.lasted(record)}, at "
                f"{tables.when(record.finished)} UTC"
            ),
        ),
        *(("", line) for line in tables.remarks(record)),
        ("identity", intent.identity),
        ("command", " ".join(asked.argv)),
        ("overrides", " ".join(intent.overrides) or "none"),
        (
            "commit",
            f"{asked.commit}{f' on {intent.source.branch}' if intent.source.branch else ''}",
        ),
        ("author", intent.source.author or "unknown"),
        ("image", asked.image),
        ("lock", asked.lock),
        ("runtime", _runtime(asked.runtime)),
        ("profile", f"{asked.profile}, seed {asked.seed}, {counted(asked.threads, 'thread')}"),
        *_loosened(record),
        ("inputs", ", ".join(f"{pin.path} ({human(pin.size)})" for pin in asked.inputs) or "none"),
        *(("", change.sentence) for change in observed.inputs_changed(met)),
        ("gpus", f"asked {asked.gpus or 'none'}, met {gpus}"),
        ("cpu", f"{cpu.get('model_name', 'unknown')}"),
        (
            "host",
            (
                f"{intent.host.get('user', '')}@{intent.host.get('name', '')}, engine "
                f"{intent.engine.get('version', 'unknown')}"
            ),
        ),
    ]


def _runtime(digest: str) -> str:
    """What was injected, and whose that is."""
    from reprobox.runtime import releases

    version = releases.release_of(digest)
    whose = (
        f"of reprobox {version}"
        if version
        else "of this reprobox"
        if releases.is_known(digest)
        else "of no release of reprobox"
    )
    return f"{digest}  {whose}"


def _loosened(record: Record) -> list[tuple[str, str]]:
    """In what the run was less isolated than by default."""
    from reprobox.commands.shared import policy

    lines = list(policy.loosened(record.intent.runspec)) or ["nothing: hermetic"]
    return [("" if number else "loosened", line) for number, line in enumerate(lines)]
