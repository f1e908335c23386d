"""export, import, push, pull: runs on their way to others and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reprobox.cli.common import JSON, RUN, open_box, run_ids, talk_of
from reprobox.cli.talk import Talk, human
from reprobox.errors import UsageError
from reprobox.kit.units import counted

if TYPE_CHECKING:
    from reprobox.flow.box import Box
    from reprobox.flow.share import Shared
    from reprobox.store.copy import Plan

RUNS = Annotated[list[str], typer.Argument(help="Runs.", metavar="RUN...", autocompletion=run_ids)]
WITH = Annotated[
    str, typer.Option("--with", help="What goes along: code, inputs, outputs, lock, image; all, or none.", metavar="PARTS")
]
LINKS = Annotated[bool, typer.Option("--outside-links", help="Allow outputs that are links to places outside the run.")]
DRY = Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")]
_DEFAULT = "code,inputs,outputs,lock"
"""Enough to replay without a network, and each byte once (`image` repeats `lock`)."""


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(export)
    app.command(name="import")(import_)
    app.command()(push)
    app.command()(pull)
    app.command()(attest)


class Form(Enum):
    """What a statement is written as."""

    INTOTO = "intoto"
    CYCLONEDX = "cyclonedx"
    CRATE = "crate"


class _Seen(Exception):
    """The plan was shown, and nothing more was asked for."""


def _look(talk: Talk, verb: str, dry: bool) -> Callable[[Plan], None]:
    def show(plan: Plan) -> None:
        parts = ", ".join(f"{role} {human(size)}" for role, size in plan.by_role().items())
        many = f"{counted(len(plan.cards), 'run')}, {counted(len(plan.wanted), 'blob')}, {human(plan.size)}"
        talk.note(f"{verb} {many}" + (f": {parts}" if parts else ""))
        if dry:
            raise _Seen

    return show


def _told(talk: Talk, done: Shared, as_json: bool, more: dict[str, Any]) -> None:
    if as_json:
        talk.data({**dataclasses.asdict(done.copied), "where": done.where, "bundle_size": done.size, **more})
        return
    if done.size is not None:
        talk.note(f"wrote {done.where}: {human(done.size)}")
        return
    for run in done.copied.published:
        talk.line(run)
    if done.copied.known:
        talk.note(f"{counted(len(done.copied.known), 'run')} there already")


def _do(work: Callable[[], Any], talk: Talk, as_json: bool, **more: Any) -> None:
    try:
        done = work()
    except _Seen:
        return
    _told(talk, done, as_json, more)


def export(
    context: typer.Context,
    runs: RUNS,
    output: Annotated[str, typer.Option("--output", "-o", help="The file to write; - for stdout.", metavar="FILE")],
    parts: WITH = _DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    dry: DRY = False,
    as_json: JSON = False,
) -> None:
    """Write runs with all they need into one file.

    `reprobox import` takes it in, elsewhere.

    Example:  reprobox export latest -o result.rbx
    """
    from reprobox.flow import share

    if as_json and output == "-":
        raise UsageError("the bundle and its JSON cannot both go to stdout", next_step="name a file with -o, or leave out --json")
    talk = talk_of(context)
    box, wanted = open_box(context), share.parts_of(parts)
    _do(lambda: share.export(box, runs, output, wanted, _look(talk, "exporting", dry), force=force), talk, as_json)


def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A bundle; - for stdin.")],
    outside_links: LINKS = False,
    dry: DRY = False,
    as_json: JSON = False,
) -> None:
    """Take the runs of a bundle into this repository.

    Where there is none, a repository is made with their code.

    What is in a bundle is somebody else's program: look at it before you replay it.

    Example:  reprobox import result.rbx
    """
    from reprobox.flow import share

    talk = talk_of(context)
    box = open_box(context)
    _do(lambda: share.import_(box, file, _look(talk, "importing", dry), outside_links=outside_links), talk, as_json)


def push(
    context: typer.Context,
    runs: RUNS,
    to: Annotated[
        str | None, typer.Option("--to", help="A directory, s3://bucket/prefix or ssh://host/path.", metavar="PLACE")
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", help="Send the images to this registry.", metavar="HOST/NAME[:TAG]")
    ] = None,
    parts: WITH = _DEFAULT,
    dry: DRY = False,
    as_json: JSON = False,
) -> None:
    """Send runs to a store elsewhere, or images to a registry.

    Only what is not there is sent.

    Where an image was pushed to is kept beside the run and travels with it: a replay elsewhere finds it there by its digest.

    Example:  reprobox push latest --to ssh://lab.example/srv/runs --image registry.example/team/experiments
    """
    from reprobox.flow import share

    talk = talk_of(context)
    box, wanted = open_box(context), share.parts_of(parts)
    if not to and not image:
        raise UsageError("push where to?", next_step="--to PLACE for the runs, --image HOST/NAME for their images")
    # Told once: while an image is on its way, `latest` may become another run.
    runs = share.chosen(box, runs)
    # The image first, so that its address goes along with the run.
    sent = _images(talk, box, runs, image, dry=dry) if image else []
    if to:
        _do(lambda: share.push(box, runs, to, wanted, _look(talk, "pushing", dry)), talk, as_json, images=sent)
    elif as_json and not dry:
        talk.data({"images": sent})


def _images(talk: Talk, box: Box, runs: list[str], target: str, *, dry: bool) -> list[dict[str, str]]:
    from reprobox.flow import registry

    if dry:
        talk.note(f"would push the images to {target}")
        return []
    sent = [dataclasses.asdict(one) for one in registry.push(box, runs, target)]
    for address in dict.fromkeys(one["address"] for one in sent):
        talk.note(f"pushed {address}")
    return sent


def pull(
    context: typer.Context,
    source: Annotated[str, typer.Option("--from", help="A directory, s3://bucket/prefix or ssh://host/path.", metavar="PLACE")],
    runs: Annotated[list[str] | None, typer.Argument(help="Runs, by id or unique prefix; all without.", metavar="[RUN...]")] = None,
    outside_links: LINKS = False,
    dry: DRY = False,
    as_json: JSON = False,
) -> None:
    """Take runs from a store elsewhere.

    Only what is not here is fetched.

    Example:  reprobox pull --from s3://results/2026 20261120-153012
    """
    from reprobox.flow import share

    talk = talk_of(context)
    box = open_box(context)
    _do(lambda: share.pull(box, runs or (), source, _look(talk, "pulling", dry), outside_links=outside_links), talk, as_json)


def attest(
    context: typer.Context,
    run: RUN,
    key: Annotated[Path | None, typer.Option("--key", help="The SSH key to sign with; git's user.signingKey without.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here instead of signing.", metavar="PATH")] = None,
    form: Annotated[Form, typer.Option("--format", help="intoto, cyclonedx, or crate (a directory).")] = Form.INTOTO,
    license_: Annotated[str, typer.Option("--license", help="What an RO-Crate says of its licence.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    as_json: JSON = False,
) -> None:
    """Sign a statement of what a run was made from.

    For a replay that was identical, its original is confirmed too.

    Example:  reprobox attest latest
    """
    from reprobox.flow import statements

    talk, box = talk_of(context), open_box(context)
    if output is not None:
        statements.export_format(box, run, form.value, output, license_=license_, force=force)
        talk.note(f"wrote {output}")
    elif form is not Form.INTOTO:
        raise UsageError(f"{form.value} is written to a file", next_step="name it: -o PATH")
    else:
        made = statements.attest(box, run, key)
        if as_json:
            talk.data([{"run": one.run, "kind": one.kind, "key": one.key, "path": str(one.path)} for one in made])
            return
        for one in made:
            talk.line(str(one.path))
