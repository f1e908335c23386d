"""Options and messages that export, import, push and pull share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reprobox.cli.messages import Talk
from reprobox.kit.units import counted, human

if TYPE_CHECKING:
    from reprobox.commands.shared.transfer import Shared
    from reprobox.store.transfer.copy import Plan


WITH = Annotated[
    str,
    typer.Option(
        "--with",
        help="What to include: code, inputs, outputs, lock, image; all, or none.",
        metavar="PARTS",
    ),
]


LINKS = Annotated[
    bool,
    typer.Option("--outside-links", help="Allow outputs that are links to places outside the run."),
]


DRY = Annotated[bool, typer.Option("--dry-run", help="Only show what would be sent.")]
DRY_IN = Annotated[bool, typer.Option("--dry-run", help="Only show what would be received.")]


_DEFAULT = "code,inputs,outputs,lock"
"""Enough to replay without a network, and each byte once (`image` repeats `lock`)."""


class _Seen(Exception):
    """The plan was shown, and nothing more was asked for."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan

    def data(self) -> dict[str, Any]:
        """The plan for programs; sizes in bytes."""
        return {
            "dry_run": True,
            "runs": [card.id for card in self.plan.cards],
            "blobs": len(self.plan.wanted),
            "size": self.plan.size,
            "size_by_part": self.plan.by_role(),
        }


def _look(talk: Talk, verb: str, dry: bool) -> Callable[[Plan], None]:
    def show(plan: Plan) -> None:
        parts = ", ".join(f"{role} {human(size)}" for role, size in plan.by_role().items())
        counts = counted(len(plan.cards), "run"), counted(len(plan.wanted), "blob")
        many = f"{', '.join(counts)}, {human(plan.size)}"
        talk.note(f"{verb} {many}" + (f": {parts}" if parts else ""))
        if dry:
            raise _Seen(plan)

    return show


def _report(talk: Talk, done: Shared, as_json: bool, more: dict[str, Any]) -> None:
    if as_json:
        talk.data(
            {
                **dataclasses.asdict(done.copied),
                "where": done.where,
                "bundle_size": done.size,
                **more,
            }
        )
        return
    if done.size is not None:
        talk.note(f"wrote {done.where}: {human(done.size)}")
        return
    for run in done.copied.published:
        talk.line(run)
    if completed := set(done.copied.completed):
        many = counted(len(completed), "run")
        talk.note(f"{many} there already got what was missing or damaged")
    if left := set(done.copied.known) - completed:
        talk.note(f"{counted(len(left), 'run')} there already")


def _do(work: Callable[[], Any], talk: Talk, as_json: bool, **more: Any) -> None:
    try:
        done = work()
    except _Seen as seen:
        if as_json:
            talk.data({**seen.data(), **more})
        return
    _report(talk, done, as_json, more)
