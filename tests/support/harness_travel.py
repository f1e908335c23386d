"""The program under test for what travels: export, import, push and pull between two projects and a
store elsewhere.

    python harness_travel.py ROOT SCENARIO [VARIANT]

Below ROOT: `here/` with two runs, `there/` and its shared store `there-home/`, empty; `far/`, a
store with the runs; `first.rbx`, a bundle of the runs, and `more.rbx`, one of the same runs with a
verdict and a statement that came later. Words and exit codes are those of harness_program.py.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import harness_program
from harness_program import FIRST, SECOND, say
from travelling import Silent, There, Tree, a_run, a_verdict, bundle_of, packed

from reprobox.errors import BundleRefused, ReproboxError, StoreDamaged, StoreError
from reprobox.kit import files
from reprobox.store import layout
from reprobox.store.numbered_files import add_numbered
from reprobox.store.project import open_project
from reprobox.store.remotes.directory import Directory
from reprobox.store.remotes.remote_store import RemoteStore
from reprobox.store.runs import Runs
from reprobox.store.transfer import copy, whole_file
from reprobox.store.transfer.bundle import Reader, Writer
from reprobox.store.transfer.copy import Card, Copied
from reprobox.store.transfer.incoming import Project

WHEEL = b"wheel" * 300
OUTPUTS: Tree = {
    "model.bin": bytes(range(256)) * 3,
    "odd names/new\nline": b"n",
    "again/\udcff": b"n",
    "nothing": None,
    "latest": ("link", b"model.bin"),
}


@dataclass
class Other(There):
    """The other project; its commits lie on the disk, as git keeps them: durably, before they
    count.
    """

    def destination(self) -> AbstractContextManager[Project]:
        kept = self.top / "commits"

        def take(card: Card, found: Mapping[str, Path]) -> None:
            assert card.pack is not None
            with layout.trouble("keeping a commit"):
                files.publish(kept / card.commit, found[card.pack].read_bytes())

        files.make_dir(kept)
        return Project(
            open_project(self.top),
            self.shared,
            has_commit=lambda commit: (kept / commit).exists(),
            take_code=take,
        )


def here(root: Path) -> Runs:
    return Runs(root / "here" / ".reprobox")


def there(root: Path) -> Other:
    return Other(root / "there")


def parcels(root: Path) -> copy.Parcels:
    return packed(here(root), FIRST, SECOND, wheels=[WHEEL])


def prepare(root: Path) -> None:
    """What the scenarios start from (not under test)."""
    root.mkdir()
    runs = open_project(root / "here")
    a_run(runs, OUTPUTS, run_id=FIRST)
    a_run(runs, {"metrics": b"1"}, seed=1, now=1_795_188_700.0, run_id=SECOND, replay_of=FIRST)
    (root / "first.rbx").write_bytes(bundle_of(parcels(root)))
    runs.add_verdict(FIRST, a_verdict(FIRST, SECOND))
    add_numbered(runs.path(FIRST), "statements", b'{"payload": ""}')
    (root / "more.rbx").write_bytes(bundle_of(parcels(root)))
    send(root)
    for empty in (root / "there" / ".reprobox", root / "there-home"):
        layout.ensure(empty)
    files.make_dir(root / "there" / "commits")
    # Each try copies and checks all of this; directories that are not there are made when an object
    # needs them.
    for shard in root.glob("**/objects/sha256/??"):
        with contextlib.suppress(OSError):
            shard.rmdir()


def export(root: Path) -> None:
    """Two runs into one file; then the same with `--force`."""
    for replace in (False, True):
        origin = parcels(root)
        with whole_file.written(root / "out.rbx", replace=replace) as file, Writer(file) as writer:
            copy.copy(copy.plan(origin, writer), origin, writer, Silent())
        say("exported")


def told(done: Copied) -> None:
    for run in (*done.published, *done.known):
        say("arrived", run)


def import_(root: Path) -> None:
    """Two runs from a file, then what has come since."""
    for name in ("first.rbx", "more.rbx"):
        with layout.trouble(f"opening {name}"):
            file = (root / name).open("rb")
        with file:
            told(there(root).take(Reader(file)))
    say("all")


def pull(root: Path) -> None:
    """The same from a store elsewhere."""
    told(there(root).take(RemoteStore(Directory(root / "far")).choose([])))
    say("all")


def send(root: Path, name: str = "far") -> None:
    origin, destination = parcels(root), RemoteStore(Directory(root / name))
    told(copy.copy(copy.plan(origin, destination), origin, destination, Silent()))


def push(root: Path) -> None:
    """To a store elsewhere that is made."""
    send(root, "further")


SCENARIOS = {"prepare": prepare, "export": export, "import": import_, "pull": pull, "push": push}


def main() -> int:
    root, scenario = Path(sys.argv[1]), sys.argv[2]
    harness_program.break_protocol(sys.argv[3] if len(sys.argv) > 3 else "")
    say("go")
    try:
        SCENARIOS[scenario](root)
    except StoreDamaged as error:
        # Nothing here is damaged: an error of the disk or of a limit must not be told as that.
        say("wrong", repr(error))
        return 4
    except (StoreError, BundleRefused) as error:
        say("refused", type(error).__name__)
        return 3
    except ReproboxError as error:
        say("wrong", repr(error))
        return 4
    say("done")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
