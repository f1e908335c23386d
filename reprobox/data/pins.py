"""Declared inputs by content: what the run will read, pinned by sha256 before it starts.

An `Input` carries both the pin and the place that is mounted for it, so that what was hashed is
what the run sees. An input whose files are all part of the commit is pinned and mounted as the
commit has it; any other one is the directory or file of this host, tracked files included.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reprobox.data import tree
from reprobox.data.tree import Seen
from reprobox.errors import InputError
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.ports import Objects, Progress
from reprobox.model.runspec import BOX, OUT, WORK, InputPin
from reprobox.model.source import Exported
from reprobox.model.spec import InputIntent

_NO_FILES, _MEMORY = ("/proc", "/sys", "/dev"), "/dev/shm"  # noqa: S108 - compared with, not written to
_OURS = (BOX, OUT, "/proc", "/sys", "/dev", "/run/secrets", "/etc/passwd", "/etc/group")
_WHOLE = ("/", WORK, "/etc", "/run")
_LISTED, _NAMED = 64 << 20, 5
"""Bytes of a tree's manifest up to which it is kept, half a million files; how many files of it are
named.
"""


@dataclass(frozen=True, kw_only=True)
class Input:
    """An input: its pin, and where the bytes that were hashed for it are."""

    pin: InputPin
    source: Path | None
    """On this host; None where it is mounted from the exported commit."""
    seen: tuple[Seen, ...] = ()
    """Every path of it as it was hashed; empty where it is part of the commit."""


def target_of(path: str, workdir: str) -> str:
    """Where an input appears in the container; relative paths start at the working directory."""
    return os.path.normpath(path if path.startswith("/") else f"{WORK}/{workdir}/{path}")


def place_of(intent: InputIntent, top: Path) -> Path:
    """Where an input really is on this host."""
    return (top / Path(intent.source).expanduser()).resolve()


def pin(
    intent: InputIntent,
    *,
    top: Path,
    workdir: str,
    objects: Objects,
    progress: Progress,
    keep: Objects | None = None,
) -> Input:
    """Hashes an input where it is now on this host.

    Args:
        objects: remembers the digests of large files.
        keep: keeps the manifest of a tree, so that `check` can name the files that changed.

    Raises:
        InputError: it is missing, unreadable, or neither a file nor a directory; or it holds a link
            that leads out of it to nothing.
    """
    source = place_of(intent, top)
    found = _measure(source, _blank(intent, source, workdir), objects, progress)
    if keep is not None:
        _keep_manifest(found, keep)
    return found


def of_commit(
    intent: InputIntent, found: Sequence[Exported], *, top: Path, workdir: str, place: str
) -> Input:
    """Pins an input as the commit has it.

    Args:
        found: what the commit has at and below `place`, sorted by the bytes of the paths.
        place: where in the commit the input is.
    """
    blank = _blank(intent, place_of(intent, top), workdir)
    blank = replace(blank, tracked=True, place="" if blank.path == f"{WORK}/{place}" else place)
    return Input(pin=_of_exported(blank, found, place), source=None)


def disagrees(pin: InputPin, exported: Iterable[Exported]) -> bool:
    """Whether an export of the commit holds other bytes than an input of it was pinned with."""
    place = pin.place or pin.path.removeprefix(f"{WORK}/")
    inside = [item for item in exported if _is_below(item.path, place)]
    return _of_exported(pin, inside, place).digest != pin.digest


def _of_exported(blank: InputPin, found: Sequence[Exported], place: str) -> InputPin:
    if len(found) == 1 and found[0].path == place:
        return replace(blank, kind="file", digest=found[0].sha256, size=found[0].size)
    hasher = hashlib.sha256()
    for item in found:
        size = item.size if item.kind == "file" else 0
        path = item.path.removeprefix(f"{place}/")
        hasher.update(tree.line_of(path, item.kind, bool(item.mode & 0o100), size, item.sha256))
    return replace(
        blank,
        kind="tree",
        digest=f"sha256:{hasher.hexdigest()}",
        size=sum(item.size for item in found if item.kind == "file"),
        files=len(found),
    )


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def holds_others(source: Path, known: Collection[str], place: str) -> bool:
    """Whether a directory of the work tree has more than the commit: files, links or empty
    directories that are not part of it, or what is behind a link that leads out of it.

    Args:
        known: the commit's paths at and below `place`.
    """
    top = os.path.realpath(source)
    for folder, directories, files in os.walk(top):
        inner = os.path.relpath(folder, top)
        prefix = place if inner == "." else f"{place}/{inner}"
        places = {name: os.path.join(folder, name) for name in (*files, *directories)}
        links = [name for name, place in places.items() if os.path.islink(place)]
        # A submodule's `.git` says where its repository is.
        names = [name for name in {*files, *links} if name != ".git"]
        if any(f"{prefix}/{name}" not in known for name in names):
            return True
        if any(tree.leads_out(places[name], top) for name in links):
            return True
        if not files and not directories and inner != ".":
            return True
        directories[:] = [name for name in directories if name != ".git"]
    return False


def check(
    wanted: InputPin,
    source: Path,
    objects: Objects,
    progress: Progress,
    *,
    kept: Objects | None = None,
) -> str | None:
    """Why the bytes at `source` are not the input that was pinned; None when they are. Arguments as
    `again`.
    """
    try:
        again(wanted, source, objects, progress, kept=kept)
    except InputError as error:
        return error.what
    return None


def again(
    wanted: InputPin,
    source: Path,
    objects: Objects,
    progress: Progress,
    *,
    kept: Objects | None = None,
) -> Input:
    """A pinned input, found again at `source`.

    Args:
        kept: where the manifests of trees are, for the names of the files that changed.

    Raises:
        InputError: the bytes there are not those that were pinned; names some of the files.
    """
    found = _measure(source, wanted, objects, progress)
    if found.pin.digest == wanted.digest:
        return replace(found, pin=wanted)
    changes = (
        _changes(wanted, kept, found.seen)
        if kept is not None and found.pin.kind == wanted.kind == "tree"
        else ""
    )
    why = changes or f"recorded {wanted.digest}, found {found.pin.digest}"
    raise InputError(f"{source} has changed: {why}")


def _changes(wanted: InputPin, kept: Objects, found: Sequence[Seen]) -> str:
    """Which files of a tree changed, are missing, or are new; empty where the recorded manifest is
    not here.
    """
    if not kept.has(wanted.digest):
        return ""
    try:
        before = _by_path(kept.path(wanted.digest).read_bytes().splitlines())
    except (ValueError, TypeError, IndexError):
        return ""
    return described(compared(before, _by_path(one.line for one in found)))


def compared(before: dict[str, list[object]], now: dict[str, list[object]]) -> dict[str, list[str]]:
    """Paths that changed, are missing or are new, by those words."""
    return {
        "changed": [path for path in before if path in now and before[path] != now[path]],
        "missing": [path for path in before if path not in now],
        "new": [path for path in now if path not in before],
    }


def described(parts: dict[str, list[str]]) -> str:
    """How many paths changed, and the names of some."""
    return "; ".join(
        f"{len(paths):,} {what} ({_few(paths)})" for what, paths in parts.items() if paths
    )


def _by_path(lines: Iterable[bytes]) -> dict[str, list[object]]:
    return {str(line[0]): line[1:] for line in map(canon.parse, lines)}


def _few(paths: list[str]) -> str:
    return ", ".join(paths[:_NAMED]) + (
        f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    )


def _blank(intent: InputIntent, source: Path, workdir: str) -> InputPin:
    return InputPin(
        path=target_of(intent.path, workdir),
        source=os.fspath(source),
        kind="file",
        digest="",
        size=0,
        manifest=tree.VERSION,
    )


def _keep_manifest(found: Input, keep: Objects) -> None:
    if found.pin.kind != "tree" or keep.has(found.pin.digest):
        return
    lines = b"".join(one.line for one in found.seen)
    if len(lines) <= _LISTED:
        keep.put_bytes(lines)


def _measure(source: Path, blank: InputPin, objects: Objects, progress: Progress) -> Input:
    _refuse(source, blank.path)
    with _readable(source, blank.path):
        mode = source.stat().st_mode
        if stat.S_ISREG(mode):
            return _measure_file(source, blank, objects, progress)
        if stat.S_ISDIR(mode):
            return _measure_tree(source, blank, objects, progress)
    raise InputError(
        f"input {blank.path} is neither a file nor a directory: {source}",
        next_step="correct `reprobox.inputs` in the config",
    )


@contextmanager
def _readable(source: Path, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"input {name} cannot be read: {error.filename or source}",
            why=error.strerror or str(error),
            next_step="put it back, or correct `reprobox.inputs` in the config",
        ) from error


def _refuse(source: Path, target: str) -> None:
    """Configs and records may come from elsewhere: what would hand over the machine, or replace a
    part of the box, is refused as an input.
    """
    home = Path.home()
    if source in (Path("/"), home, *home.parents):
        why = "That is everything of yours. Name the data that the run reads."
    elif any(source.is_relative_to(place) for place in _NO_FILES) and not source.is_relative_to(
        _MEMORY
    ):
        why = "The kernel makes up what is there at each reading, so it cannot be pinned."
    elif (
        any(target == place or target.startswith(f"{place}/") for place in _OURS)
        or target in _WHOLE
    ):
        why = f"{target} in the container belongs to reprobox or to the system."
    else:
        return
    raise InputError(
        f"{source} cannot be the input {target}",
        why=why,
        next_step="correct `reprobox.inputs` in the config",
    )


def _measure_file(source: Path, blank: InputPin, objects: Objects, progress: Progress) -> Input:
    with progress.task(f"hashing {source.name}", source.stat().st_size) as bar:
        found = tree.file_seen(os.fspath(source), objects, bar)
    made = replace(blank, kind="file", digest=found.digest, size=found.size, files=1)
    return Input(pin=made, source=source, seen=(found,))


def _measure_tree(source: Path, blank: InputPin, objects: Objects, progress: Progress) -> Input:
    hasher = hashlib.sha256()
    with progress.task(f"hashing {source.name}/", None) as bar:
        found = tuple(tree.seen(source, blank.path, objects, bar, version=blank.manifest))
    for one in found:
        hasher.update(one.line)
    made = replace(
        blank,
        kind="tree",
        digest=f"sha256:{hasher.hexdigest()}",
        size=sum(one.size for one in found),
        files=sum(one.kind != "dir" for one in found),
    )
    return Input(pin=made, source=source, seen=found)
