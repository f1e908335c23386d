"""What somebody else's run may do here: no more than the default allows, unless its replayer says
so.
"""

from __future__ import annotations

from collections.abc import Iterator

from reprobox.context import Context
from reprobox.errors import NotTrusted
from reprobox.kit.text import shown
from reprobox.model.record import Record
from reprobox.model.runspec import RunSpec


def require(context: Context, original: Record, *, trusted: bool) -> None:
    """Lets a run through that was made here, that asks for nothing special, or that is trusted.

    Secrets are asked for separately (`run.secrets_again`): trusting a program with the network is
    not trusting it with a password.

    Raises:
        NotTrusted: naming everything that is looser than the default.
    """
    if trusted or context.runs.started(original.id) is not None:
        return
    if wanted := list(loosened(original.intent.runspec)):
        raise NotTrusted(
            f"run {original.id} came from elsewhere and asks for more than a run gets by default, "
            "so it was not started",
            why="\n".join(f"  {shown(line)}" for line in wanted),
            next_step="look at what it runs (reprobox show, git show); if you trust it: --trust",
        )


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
