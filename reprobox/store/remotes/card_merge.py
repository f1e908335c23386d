"""What several pushes said of one run, as one card."""

from __future__ import annotations

import itertools
from dataclasses import replace

from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Card, Member


def merge(there: Card, ours: Card) -> Card:
    """One card with what both have; verdicts and statements keep their numbers there, new ones come
    after.
    """
    members = list(there.members)
    for folder in copy.FOLDERS:
        numbers = itertools.count(1 + sum(1 for member in there.members if _is_in(member, folder)))
        members += [
            Member(name=f"{folder}/{next(numbers):04d}.json", digest=member.digest)
            for member in _news(there, ours)
            if _is_in(member, folder)
        ]
    digests = {member.digest for member in members}
    blobs = {
        blob for blob in (*there.blobs, *ours.blobs) if blob.role != "run" or blob.digest in digests
    }
    return replace(
        there,
        members=tuple(members),
        blobs=copy.in_order(blobs),
        pack=there.pack or ours.pack,
        memos={**ours.memos, **there.memos},
    )


def addition(there: Card, ours: Card) -> Card | None:
    """What our card has and the one there lacks, as a card of its own; None when it lacks nothing.

    Merging it to the one there gives the same as merging ours.
    """
    members = _news(there, ours)
    digests = {member.digest for member in members}
    known = set(there.blobs)
    blobs = {
        blob
        for blob in ours.blobs
        if (blob.digest in digests if blob.role == "run" else blob not in known)
    }
    pack = ours.pack if there.pack is None else None
    if pack is not None:
        blobs |= {blob for blob in ours.of("code") if blob.digest == pack}
    memos = {key: value for key, value in ours.memos.items() if key not in there.memos}
    if not members and not blobs and not memos:
        return None
    return replace(ours, members=members, blobs=copy.in_order(blobs), pack=pack, memos=memos)


def _news(there: Card, ours: Card) -> tuple[Member, ...]:
    """The verdicts, statements and addresses that the card there lacks."""
    known = {
        (folder, member.digest)
        for folder in copy.FOLDERS
        for member in there.members
        if _is_in(member, folder)
    }
    return tuple(
        member
        for folder in copy.FOLDERS
        for member in ours.members
        if _is_in(member, folder) and (folder, member.digest) not in known
    )


def _is_in(member: Member, folder: str) -> bool:
    return member.name.startswith(f"{folder}/")
