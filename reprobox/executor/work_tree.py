"""Writing into the work tree of a run: never through a link, never out of it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from reprobox.errors import SourceError
from reprobox.model.outcome import OutputFile
from reprobox.model.spec import OUTSIDE
from reprobox.store.runs import Runs


def inside(work: Path, path: str) -> Path:
    """A place in the work tree to write to. The record may come from elsewhere, and so may the
    commit's links.

    Raises:
        SourceError: the path leaves the tree, or a link is on the way.
    """
    place = work
    for part in PurePosixPath(path).parts:
        place /= part
        if part in ("..", "/") or place.is_symlink():
            raise SourceError(
                f"the run would write to {path!r} in its work tree, and that leads out of it",
                why="A link of the commit is on the way, or the path itself leaves the tree.",
            )
    return place


def lay_over(runs: Runs, run_id: str, work: Path) -> None:
    """Makes a work tree that holds the commit what a run has left: its outputs, without what it
    deleted.
    """
    kept = runs.path(run_id) / "outputs"
    for path in runs.record(run_id)[0].observed.deleted:
        _remove(inside(work, str(PurePosixPath(path).parent)) / PurePosixPath(path).name)
    for file in runs.outputs(run_id):
        if not file.path.startswith(f"{OUTSIDE}/"):
            _lay(kept / file.path, file, work)


def _lay(kept: Path, file: OutputFile, work: Path) -> None:
    pure = PurePosixPath(file.path)
    place = inside(work, str(pure.parent)) / pure.name
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.kind == "dir":
        place.mkdir(exist_ok=True)
        return
    _remove(place)
    from shutil import copy2

    copy2(kept, place, follow_symlinks=False)
    if file.kind == "file":
        place.chmod(file.mode)


def _remove(place: Path) -> None:
    """An output may stand where the commit has a directory."""
    if place.is_dir() and not place.is_symlink():
        from shutil import rmtree

        rmtree(place)
    else:
        place.unlink(missing_ok=True)
