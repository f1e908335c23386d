"""What a run that was made elsewhere may do here: no more than the default allows, and with a
runtime of reprobox's own, unless its replayer consents to more.
"""

from __future__ import annotations

from collections.abc import Iterator

from reprobox.context import Context
from reprobox.errors import BundleRefused, NotTrusted
from reprobox.kit.text import shown
from reprobox.model import record_fields
from reprobox.model.record import Record
from reprobox.model.runspec import RunSpec
from reprobox.runtime import releases


def require(context: Context, original: Record, *, trusted: bool, runtime: bool = False) -> None:
    """Lets a run through that was made here, that asks for nothing special, or that is trusted.

    Args:
        trusted: consent to weaker isolation.
        runtime: consent to an injected runtime that no release of reprobox had.

    Secrets are asked for separately (`run_secrets.again`): trusting a program with the network is
    not trusting it with a password.

    Raises:
        NotTrusted: naming everything that is looser than the default.
    """
    if not runtime and has_foreign_runtime(context, original):
        raise NotTrusted(
            f"run {original.id} came from elsewhere with an injected runtime of its own, so it was "
            "not started",
            why=f"  {original.intent.runspec.runtime}: no release of reprobox had it. It runs "
            "before the program does, and can change all that the program computes.",
            next_step="if you trust its author: --trust-runtime; even then its results "
            "do not confirm the original",
        )
    if context.runs.started(original.id) is not None:
        return
    if faults := record_fields.faults(original.intent):
        # It came in before this was asked of arriving records.
        raise BundleRefused(
            f"run {original.id} came from elsewhere and has fields that no run of reprobox has, so "
            "it was not started",
            why="\n".join(f"  {name}: {fault}" for name, fault in sorted(faults.items())),
            next_step=f"reprobox rm {original.id}; then get it from where it was made",
        )
    if trusted:
        return
    if wanted := list(loosened(original.intent.runspec)):
        raise NotTrusted(
            f"run {original.id} came from elsewhere and asks for more than a run gets by default, "
            "so it was not started",
            why="\n".join(f"  {shown(line)}" for line in wanted),
            next_step="look at what it runs (`reprobox show`, git show); if you trust it, add "
            "--trust",
        )


def has_foreign_runtime(context: Context, record: Record) -> bool:
    """Whether a run, or the first of those that it is a replay of, came from elsewhere with an
    injected runtime that is neither of a release nor this reprobox's own.
    """
    if releases.is_known(record.intent.runspec.runtime):
        return False
    return not was_made_here(context, record)


def was_made_here(context: Context, record: Record) -> bool:
    """Whether a run, or the first of those that it is a replay of, was made in this repository."""
    first, seen = record, {record.id}
    while (above := first.intent.replay_of) is not None:
        if above in seen or not context.runs.has(above):
            return False
        seen.add(above)
        first = context.runs.record(above)[0]
    return context.runs.started(first.id) is not None


def loosened(asked: RunSpec) -> Iterator[str]:
    """How a run's isolation is weaker than the default's, a line each. GPUs are no loosening: they
    are what is computed with.
    """
    if asked.network != "none":
        yield f"network: {asked.network} (default: none)"
    if asked.writable_root:
        yield "writable_root: true (default: the image is read-only)"
    if asked.capabilities:
        yield f"capabilities: {', '.join(asked.capabilities)} (default: none)"
