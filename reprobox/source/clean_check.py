"""Clean means clean: HEAD, index and work tree hold the same bytes, nothing else is there, and no
commit is half made.

The index is compared with HEAD by names of objects, the work tree with the index by bytes. So
neither `assume-unchanged`, `skip-worktree`, a lying file system monitor nor a restored modification
time hides a change. A file that is hidden by one of the first two and is the commit's is a hint;
one that a sparse checkout leaves out is not missing, because what runs is the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path
from typing import NamedTuple

from reprobox.errors import SourceError
from reprobox.kit import text as lines
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.meanwhile import meanwhile
from reprobox.source import commit_tree, modules, worktree
from reprobox.source.repo import Repo, head, opened, text

STORE = ".reprobox"
"""The store at the top of a repository is never part of its code."""
_HALF_MADE = {
    "MERGE_HEAD": "merge in progress",
    "rebase-apply/applying": "am in progress",
    "CHERRY_PICK_HEAD": "cherry-pick in progress",
    "REVERT_HEAD": "revert in progress",
}
"""What keeps a run from starting although no byte may differ: the next commit is half made, so HEAD
is not what the user is working on.

A bisect and a rebase are no reason. Both stop at whole commits on purpose, and both run programs
there (`git bisect run`, `git rebase --exec`), of which reprobox may be one. Where a rebase stops in
the middle of a commit, its conflict or what is staged is the reason.
"""
INCURABLE = {
    "submodule not checked out": "git submodule update --init --recursive",
    "LFS pointer without content": "git lfs pull",
    "LFS content not in .git/lfs": "git lfs fetch",
    "unreadable": "make it readable",
}
"""What neither a commit nor a snapshot makes good, and what does."""


@dataclass(frozen=True)
class Reason:
    """Why the tree is not clean; the path is relative to the outermost repository, empty where
    there is none.
    """

    kind: str
    path: bytes = b""

    def __str__(self) -> str:
        return f"{self.kind}: {shown(self.path)}" if self.path else self.kind


def cures(reasons: Iterable[Reason]) -> list[str]:
    """What makes good what cannot be committed, each once; the first to say is the first to do."""
    kinds = [reason.kind for reason in reasons]
    return [
        cure for start, cure in INCURABLE.items() if any(kind.startswith(start) for kind in kinds)
    ]


class Tracked(NamedTuple):
    """A line of the index."""

    entry: commit_tree.Entry
    flag: str
    """`H`; `S` skip-worktree; a small letter means assume-unchanged (git-ls-files, -t and -v)."""
    stage: str

    @property
    def hidden(self) -> str:
        """Which flag hides changes, in words."""
        if self.flag.upper() == "S":
            return "skip-worktree"
        return "assume-unchanged" if self.flag.islower() else ""


@dataclass(kw_only=True)
class State:
    """What a look at a repository found."""

    snapshot: commit_tree.Snapshot
    tracked: list[Tracked]
    differing: dict[bytes, str]
    """Tracked files and links whose bytes are not the index's."""
    reasons: list[Reason] = field(default_factory=list)
    hints: list[bytes] = field(default_factory=list)
    """Hidden files that do match the commit."""


def shown(path: bytes) -> str:
    """A path on one line."""
    return lines.shown(text(path))


def check(place: Repo | Path) -> list[str]:
    """Why the tree is not clean, a line for each reason; empty when it is.

    Raises:
        SourceError: git cannot read the repository, or objects of HEAD are missing or damaged.
    """
    return [str(reason) for reason in look(opened(place)).reasons]


def look(repo: Repo, prefix: bytes = b"", depth: int = 0) -> State:
    """Looks at a repository and the submodules in it; see `check`."""
    if depth > modules.MAX_NESTING:
        raise SourceError(f"submodules are nested more than {modules.MAX_NESTING} deep")
    others: list[bytes] = []
    with meanwhile(lambda: others.extend(untracked(repo, whole=False))):
        snapshot = commit_tree.read_commit(repo, head(repo))
        tracked = list(_index(repo))
        files = [
            line.entry
            for line in tracked
            if line.stage == "0" and line.entry.mode != commit_tree.SUBMODULE
        ]
        differing = worktree.differences(repo, files)
    state = State(snapshot=snapshot, tracked=tracked, differing=differing)
    _note_operations(repo, state)
    _note_index(state)
    _note_files(repo, state)
    state.reasons.extend(Reason("untracked", path) for path in others)
    state.reasons = [
        Reason(reason.kind, prefix + reason.path if reason.path else prefix)
        for reason in state.reasons
    ]
    state.hints = [prefix + path for path in state.hints]
    for line in tracked:
        if line.entry.mode == commit_tree.SUBMODULE and line.stage == "0":
            _look_inside(repo, line.entry, state, prefix, depth)
    return state


def _index(repo: Repo) -> Iterator[Tracked]:
    for line in repo.git.out("ls-files", "--stage", "-v", "-z").split(b"\0"):
        if line:
            fields, _, path = line.partition(b"\t")
            flag, mode, oid, stage = fields.decode("ascii").split(" ")
            yield Tracked(commit_tree.Entry(path, int(mode, 8), oid), flag, stage)


def untracked(repo: Repo, *, whole: bool) -> list[bytes]:
    """Files that are neither tracked nor ignored; whole directories as one path ending in `/`,
    unless each file is wanted.
    """
    how = () if whole else ("--directory", "--no-empty-directory")
    said = repo.git.out(
        "ls-files", "--others", f"--exclude=/{STORE}/", "--exclude-standard", "-z", *how
    )
    return [path for path in said.split(b"\0") if path]


def _note_operations(repo: Repo, state: State) -> None:
    state.reasons.extend(
        Reason(words) for name, words in _HALF_MADE.items() if (repo.git_dir / name).exists()
    )


def _note_index(state: State) -> None:
    """What is staged, and what is in conflict."""
    before = {entry.path: entry for entry in state.snapshot.entries}
    for line in state.tracked:
        committed = before.pop(line.entry.path, None)
        if line.stage != "0":
            state.reasons.append(Reason("conflicted", line.entry.path))
        elif committed != line.entry:
            state.reasons.append(Reason("staged", line.entry.path))
    conflicted = {line.entry.path for line in state.tracked if line.stage != "0"}
    state.reasons = list(dict.fromkeys(state.reasons))
    state.reasons.extend(
        Reason("staged deletion", path) for path in before if path not in conflicted
    )


def _note_files(repo: Repo, state: State) -> None:
    """What differs in the work tree. A sparse checkout omits files without changing anything."""
    sparse = repo.flag("core.sparsecheckout", False)
    for line in state.tracked:
        kind = state.differing.get(line.entry.path) if line.stage == "0" else None
        left_out = kind == "deleted" and sparse and line.hidden == "skip-worktree"
        if left_out:
            del state.differing[line.entry.path]
        if kind is not None and not left_out:
            state.reasons.append(
                Reason(
                    f"{kind} (hidden by {line.hidden})" if line.hidden else kind, line.entry.path
                )
            )
        elif line.hidden and line.entry.mode != commit_tree.SUBMODULE:
            state.hints.append(line.entry.path)


def _look_inside(
    repo: Repo, entry: commit_tree.Entry, state: State, prefix: bytes, depth: int
) -> None:
    path = prefix + entry.path
    inner = modules.checked_out(repo, entry.path)
    if inner is None:
        state.reasons.append(Reason("submodule not checked out", path))
        return
    here = head(inner)
    if here != entry.oid:
        state.reasons.append(
            Reason(f"submodule moved to {here[:12]}, the commit has {entry.oid[:12]}", path)
        )
    found = look(inner, path + b"/", depth + 1)
    state.reasons.extend(found.reasons)
    state.hints.extend(found.hints)
