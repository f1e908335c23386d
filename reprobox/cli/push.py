"""`reprobox push`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from reprobox.cli.messages import Talk
from reprobox.cli.options import JSON, open_context, talk_of
from reprobox.errors import UsageError

if TYPE_CHECKING:
    from reprobox.context import Context
from reprobox.cli.options import RUNS
from reprobox.cli.transfer_options import _DEFAULT, DRY, WITH, _do, _look
from reprobox.store.remotes.kinds import ADDRESSES


def push(
    ctx: typer.Context,
    runs: RUNS,
    to: Annotated[
        str | None,
        typer.Option("--to", help=ADDRESSES, metavar="PLACE"),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            "--image", help="Send the images to this registry.", metavar="HOST/NAME[:TAG]"
        ),
    ] = None,
    parts: WITH = _DEFAULT,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Read what is there of these runs; send again what is damaged."
        ),
    ] = False,
    dry: DRY = False,
    as_json: JSON = False,
) -> None:
    """Send runs to a remote store, or images to a registry.

    Only what is not there is sent.

    Where an image was pushed to is kept next to the run and travels with it: a replay elsewhere
    finds it there by its digest.

    Example:  reprobox push latest --to ssh://lab.example/srv/runs --image
    registry.example/team/experiments
    """
    from reprobox.commands import push as command
    from reprobox.commands.shared import transfer

    talk = talk_of(ctx)
    context, wanted = open_context(ctx), transfer.parts_of(parts)
    if not to and not image:
        raise UsageError(
            "no place was named",
            next_step="--to PLACE for the runs, --image HOST/NAME for their images",
        )
    # Resolved once: while an image is sent, `latest` may become another run.
    runs = transfer.chosen(context, runs)
    # The image first, so that its address is sent with the run.
    sent = _images(talk, context, runs, image, dry=dry) if image else []
    if to:
        _do(
            lambda: command.push(
                context, runs, to, wanted, _look(talk, "pushing", dry), check=check
            ),
            talk,
            as_json,
            images=sent,
        )
    elif as_json:
        talk.data({"images": sent, **({"dry_run": True} if dry else {})})


def _images(
    talk: Talk, context: Context, runs: list[str], target: str, *, dry: bool
) -> list[dict[str, str]]:
    from reprobox.commands.shared import push_image

    if dry:
        talk.note(f"would push the images to {target}")
        return []
    sent = [dataclasses.asdict(one) for one in push_image.push(context, runs, target)]
    for address in dict.fromkeys(one["address"] for one in sent):
        talk.note(f"pushed {address}")
    return sent
