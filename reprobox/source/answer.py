"""A repository that answers programs which ask git for their commit: HEAD, the commit, its trees,
and an index, so that `git status` says that nothing is changed.

It is mounted read-only at `.git` of a run's work tree, and is a function of the commit alone. It
has no history, no branches, no remotes and no file contents: what a program reads of it cannot be
other than what the run pins.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from reprobox.model.source import Exported
from reprobox.source import commit_tree
from reprobox.source.repo import Repo, raw

_SHA1 = 40
_MOST_TREES = 5000
"""More than this many are left out, each being a file; then `git rev-parse` answers, `git status`
does not.
"""
_CONFIG = """[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = false
\tcheckStat = minimal
\ttrustctime = false
[gc]
\tauto = 0
"""
_SHA256 = "[extensions]\n\tobjectformat = sha256\n"


def make(
    repo: Repo, commit: str, exported: Iterable[Exported], target: Path, *, changed: str = ""
) -> None:
    """Writes the repository into a directory that does not exist yet.

    Args:
        commit: its full name.
        exported: the files of the work tree, which have the commit's time.
        changed: a file whose bytes in the work tree are not the commit's, so that git may want to
            read what they were.

    Raises:
        SourceError: the commit is not here, or is damaged.
    """
    snapshot = commit_tree.read_commit(repo, commit)
    plain = len(commit) == _SHA1
    for name in ("objects/pack", "objects/info", "refs/heads", "refs/tags"):
        (target / name).mkdir(parents=True)
    (target / "config").write_text(
        _CONFIG if plain else _CONFIG.replace("version = 0", "version = 1") + _SHA256
    )
    (target / "HEAD").write_text(f"{commit}\n")
    (target / "shallow").write_text(f"{commit}\n")
    _write_object(repo, commit, "commit", target)
    if len(snapshot.trees) <= _MOST_TREES:
        for tree in snapshot.trees:
            _write_object(repo, tree, "tree", target)
        wanted = {
            one.oid
            for one in snapshot.entries
            if one.mode == commit_tree.LINK or one.path == raw(changed)
        }
        for blob in wanted:
            _write_object(repo, blob, "blob", target)
        if plain:
            sizes = {raw(item.path): item.size for item in exported if item.path != changed}
            (target / "index").write_bytes(_index(snapshot, sizes))


def _write_object(repo: Repo, name: str, kind: str, target: Path) -> None:
    data = repo.objects.one(name, kind)
    place = target / "objects" / name[:2] / name[2:]
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(zlib.compress(f"{kind} {len(data)}\0".encode() + data, 1))


def _index(snapshot: commit_tree.Snapshot, sizes: Mapping[bytes, int]) -> bytes:
    """The index in version 2 (gitformat-index), with the times and sizes by which git knows that a
    file is what it was (core.checkStat = minimal), so that it needs no blob.
    """
    parts = [b"DIRC", (2).to_bytes(4, "big"), len(snapshot.entries).to_bytes(4, "big")]
    for entry in sorted(snapshot.entries, key=lambda entry: entry.path):
        size = sizes.get(entry.path, 0) & 0xFFFFFFFF
        time = snapshot.time & 0xFFFFFFFF if entry.path in sizes else 0
        head = b"".join(
            part.to_bytes(4, "big") for part in (time, 0, time, 0, 0, 0, entry.mode, 0, 0, size)
        )
        flags = min(len(entry.path), 0xFFF).to_bytes(2, "big")
        line = head + bytes.fromhex(entry.oid) + flags + entry.path
        parts.append(line + bytes(8 - len(line) % 8))
    data = b"".join(parts)
    return data + hashlib.sha1(data, usedforsecurity=False).digest()
