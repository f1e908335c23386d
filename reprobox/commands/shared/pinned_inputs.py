"""The inputs of a new run, pinned by the bytes that will be mounted for them."""

from __future__ import annotations

import os

from reprobox.context import Context
from reprobox.data.pins import Input
from reprobox.errors import InputError
from reprobox.model.source import Source
from reprobox.model.spec import InputIntent, Spec
from reprobox.source import commit_content


def pin(context: Context, spec: Spec, source: Source, intent: InputIntent) -> Input:
    """An input with the bytes that will be mounted for it: the commit's where all of it is tracked,
    else those of this host, tracked files included.
    """
    from reprobox.data import pins

    place = _place_in_commit(context, source, intent)
    found = (
        pins.pin(
            intent,
            top=context.top,
            workdir=spec.workdir,
            objects=context.objects,
            progress=context.progress,
            keep=context.all_objects,
        )
        if place is None
        else pins.of_commit(
            intent,
            commit_content.contents(context.repo, source.commit, place),
            top=context.top,
            workdir=spec.workdir,
            place=place,
        )
    )
    try:
        found.pin.source.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"the path of input {intent.path} is not UTF-8, and no engine can mount it",
            next_step="rename it, or mount it through a link",
        ) from error
    return found


def _place_in_commit(context: Context, source: Source, intent: InputIntent) -> str | None:
    """Where in the commit an input is; None where it lies outside of the repository, or holds
    anything that the commit does not have.
    """
    from reprobox.data import pins

    host, top = pins.place_of(intent, context.top), context.top.resolve()
    if host == top or not host.is_relative_to(top):
        return None
    place = os.fspath(host.relative_to(top))
    known = commit_content.names(context.repo, source.commit, place)
    if not known or (
        host.is_dir()
        and pins.holds_others(host, known | _checked_out(context, source, place), place)
    ):
        return None
    return place


def _checked_out(context: Context, source: Source, place: str) -> frozenset[str]:
    """What the work tree has there of another commit than the one that runs."""
    from reprobox.source.repo import head

    commit = head(context.repo)
    if commit == source.commit:
        return frozenset()
    return commit_content.names(context.repo, commit, place)
