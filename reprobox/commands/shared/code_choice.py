"""Which code a run takes: the clean work tree's commit, a snapshot of a tree that is not clean, or
a commit that was named.

Config, lock and requirement files are read from the same place as the code. Those of a named commit
are exported into a temporary directory, so that neither HEAD nor the work tree is touched.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reprobox.commands import lock as lock_
from reprobox.commands.shared import load_config
from reprobox.context import Context
from reprobox.errors import ConfigError, LockMissing, LockStale, SourceError, UsageError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import shown
from reprobox.model.lock import Lock
from reprobox.model.source import Source
from reprobox.model.spec import Spec
from reprobox.source import commit_paths, export_tree, hidden_files
from reprobox.source.pin import pin, pin_commit
from reprobox.source.snapshot import snapshot as take_snapshot


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the user asked for; nothing of it is the clean work tree's commit."""

    snapshot: bool = False
    commit: str | None = None
    """Any name of a commit that git knows."""
    snapshotted: bool = False
    """Whether that commit is a snapshot, taken when the sweep began that the run belongs to."""

    def __post_init__(self) -> None:
        if self.snapshot and self.commit:
            raise UsageError(
                "--snapshot and --commit exclude each other",
                why="One takes the work tree as it is, the other one a commit.",
                next_step="leave one of them out",
            )


WORK_TREE = Choice()
"""The commit of the clean work tree."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """The place that config and lock are read from."""

    spec: Spec
    config: Path
    """The config file on this disk."""
    named: Source | None = None
    """The commit that was named."""

    def source(self, context: Context, choice: Choice, run_id: str) -> Source:
        """The commit to run.

        Raises:
            DirtyTree, SourceError: as `pin` and `snapshot`; the commit has no such config.
        """
        if self.named is not None:
            return self.named
        found = take_snapshot(context.repo, run_id) if choice.snapshot else pin(context.repo)
        self._require_config(context, found.commit)
        self._note_hidden_lock(context, found.commit)
        return found

    def _require_config(self, context: Context, commit: str) -> None:
        path = self.spec.config_path
        if commit_paths.tracked(context.repo, commit, path):
            return
        rule = hidden_files.ignored_by(context.repo, path)
        raise SourceError(
            f"the config {shown(path)} is not in the commit {commit[:12]}",
            why=f"Git ignores it ({shown(rule)}), so `git add` needs -f." if rule else "",
            next_step=_add(self.config, "the config"),
        )

    def _note_hidden_lock(self, context: Context, commit: str) -> None:
        """The lock is in the record either way; without it in git, no clone makes another run."""
        path = self.spec.lock_path
        if commit_paths.tracked(context.repo, commit, path):
            return
        if rule := hidden_files.ignored_by(context.repo, path):
            target = lock_.lock_path(self.spec, self.config)
            context.progress.note(
                f"the lock {path} is not in the commit: git ignores it ({rule}); "
                f"next: {_add(target, 'the lock')}"
            )

    def require_lock(self, context: Context, source: Source) -> None:
        """For runs that will take the lock from the commit. Raises SourceError where git ignores
        it.
        """
        path = self.spec.lock_path
        if commit_paths.tracked(context.repo, source.commit, path):
            return
        if rule := hidden_files.ignored_by(context.repo, path):
            raise SourceError(
                f"the lock {shown(path)} is not in the commit {source.commit[:12]}",
                why=f"Git ignores it ({shown(rule)}), so `git add` needs -f.",
                next_step=_add(lock_.lock_path(self.spec, self.config), "the lock"),
            )

    def lock(self, context: Context) -> Lock:
        """The fresh lock. Raises LockMissing or LockStale."""
        try:
            return lock_.fresh_lock(self.spec, self.config)
        except (LockMissing, LockStale) as error:
            if self.named is None:
                _require_checked_out(context, self.spec.lock_path)
                raise
            raise type(error)(
                f"commit {self.named.commit[:12]}: {error.what}",
                why="--commit takes config and lock from the commit.",
                next_step=f"git log --oneline -- {shown(self.spec.lock_path)}",
            ) from error


def _add(path: Path, what: str) -> str:
    """Puts an ignored file into git; from the current directory, as it can be typed."""
    name = shlex.quote(os.path.relpath(path))
    return f"git add -f {name} && git commit -m 'Add {what}' {name}"


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The files of a commit that was named."""

    named: Source
    top: Path
    """Where they were exported to."""
    inside: str
    """The config's path in there."""


@contextmanager
def exported(context: Context, config: Path, choice: Choice) -> Iterator[Tree | None]:
    """The commit that was named, with its files, until the end of the block; None for the work
    tree.

    Raises:
        ConfigError: the config is not in the repository.
        SourceError: the commit is not in this repository, or has no such config.
    """
    if choice.commit is None:
        yield None
        return
    named = replace(pin_commit(context.repo, choice.commit), snapshot=choice.snapshotted)
    inside = _inside(context, config)
    _require_in_commit(context, named, inside)
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="reprobox-commit-") as scratch:
        top = Path(scratch).resolve() / "code"
        export_tree.export(context.repo, named.commit, top)
        yield Tree(named=named, top=top, inside=inside)


@contextmanager
def opened(
    context: Context, config: Path, overrides: Sequence[str], choice: Choice
) -> Iterator[Code]:
    """The config, resolved, from where the code is.

    Raises:
        ConfigError: the config is wrong, or is not in the repository or the commit.
        SourceError: the commit is not in this repository.
    """
    with exported(context, config, choice) as tree:
        yield code_of(context, config, overrides, tree)


def code_of(context: Context, config: Path, overrides: Sequence[str], tree: Tree | None) -> Code:
    """The config, resolved, from the files of a commit or from the work tree. Raises
    ConfigError.
    """
    if tree is None:
        if not config.exists() and (missing := _below_top(context, config)) is not None:
            _require_checked_out(context, missing)
        spec, path = load_config.load_spec(context, config, overrides)
        _require_in_repository(spec, path, context.top)
        return Code(spec=spec, config=path)
    file = tree.top / tree.inside
    spec, path = load_config.load_spec(context, config, overrides, top=tree.top, file=file)
    _add_base_archive(spec, path, context.top / tree.inside)
    return Code(spec=spec, config=path, named=tree.named)


def _require_in_repository(spec: Spec, config: Path, top: Path) -> None:
    if (top / spec.config_path).resolve() != config.resolve():
        raise ConfigError(
            f"{config} is not in the repository {top}",
            next_step="put the config into the repository whose commit is to run",
        )


def _below_top(context: Context, config: Path) -> str | None:
    """A config's path relative to the top, whether or not it is in the work tree; None for one that
    lies elsewhere.
    """
    parent = os.path.realpath(config.absolute().parent)
    inside = os.path.relpath(os.path.join(parent, config.name), os.path.realpath(context.top))
    return None if inside.startswith("../") else inside


def _inside(context: Context, config: Path) -> str:
    inside = _below_top(context, config)
    if inside is None:
        raise ConfigError(
            f"{shown(str(config))} is not in the repository {context.top}",
            next_step="name a config of the repository whose commit is to run",
        )
    return inside


def _require_checked_out(context: Context, path: str) -> None:
    if not (context.top / path).exists() and hidden_files.is_left_out(context.repo, path):
        folder = os.path.dirname(path) or "."
        raise ConfigError(
            f"{shown(path)} is not in the work tree: this sparse checkout omits it",
            why="The commit has it, and a run takes all of the commit. --commit HEAD would do.",
            next_step=f"git -C {shlex.quote(str(context.top))} sparse-checkout add "
            f"{shlex.quote(folder)}",
        )


def _require_in_commit(context: Context, named: Source, inside: str) -> None:
    if not commit_paths.tracked(context.repo, named.commit, inside):
        raise SourceError(
            f"the commit {named.commit[:12]} has no file {shown(inside)}",
            next_step=f"git log --oneline -- {shown(inside)}",
        )


def _add_base_archive(spec: Spec, path: Path, on_host: Path) -> None:
    """Base archives are large and seldom in git; the lock names their digest, so this host's will
    do.
    """
    reference = spec.environment.base.reference
    if spec.environment.base.kind == "archive" and not (path.parent / reference).exists():
        place = on_host.parent / reference
        if place.is_file():
            (path.parent / reference).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / reference).symlink_to(place.resolve())
