"""Inputs that travel with a run: a file as an object, a tree as its manifest and its files as
objects.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from reprobox.context import Context
from reprobox.data import pins, tree
from reprobox.errors import InputError, StoreDamaged
from reprobox.kit import canon, fd_trees, files
from reprobox.kit.text import shown
from reprobox.model.ports import Objects
from reprobox.model.record import Record
from reprobox.model.runspec import InputPin
from reprobox.store import layout
from reprobox.store.transfer.outgoing import Packing, open_binary

Listed = list[tuple[str, str, bool, int, str]]
"""An input tree's manifest: path, kind, whether it is executable, size in bytes, digest."""


def add_inputs(context: Context, packing: Packing, record: Record) -> None:
    """Every input that is not part of the commit.

    Raises:
        InputError: one is not what the record names any more.
    """
    wrong = [
        why
        for pin in record.intent.runspec.inputs
        if not pin.tracked and (why := _add(context, packing, pin))
    ]
    if wrong:
        raise InputError(
            f"inputs of {packing.id} cannot be exported",
            why="\n".join(wrong),
            next_step="put the recorded bytes back, or leave inputs out: --with code,outputs,lock "
            "sends their hashes only",
        )


def _add(context: Context, packing: Packing, pin: InputPin) -> str | None:
    """One input, from the store or from where it was; why it cannot be had."""
    if kept(context.all_objects, pin):
        _add_kept(context.all_objects, packing, pin)
        return None
    source = Path(pin.source)
    if why := pins.check(pin, source, context.objects, context.progress, kept=context.all_objects):
        return f"  {shown(pin.path)}: {shown(why)}"
    if pin.kind == "file":
        packing.add("inputs", pin.digest, pin.size, partial(open_binary, source))
    else:
        _add_tree(context, packing, pin, source)
    return None


def kept(objects: Objects, pin: InputPin) -> bool:
    """Whether all of an input is in the store; of a tree that was pinned here there is its manifest
    only.
    """
    if not objects.has(pin.digest):
        return False
    try:
        return pin.kind == "file" or all(
            objects.has(digest) for digest in _contents(_read(objects, pin.digest))
        )
    except StoreDamaged:
        return False


def _add_kept(objects: Objects, packing: Packing, pin: InputPin) -> None:
    packing.add_file("inputs", pin.digest, objects.path(pin.digest))
    if pin.kind == "tree":
        for digest in _contents(_read(objects, pin.digest)):
            packing.add_file("inputs", digest, objects.path(digest))


def _add_tree(context: Context, packing: Packing, pin: InputPin, source: Path) -> None:
    parts = []
    with context.progress.task(f"hashing {source.name}/") as bar:
        for item in tree.seen(source, pin.path, context.objects, bar, version=pin.manifest):
            parts.append(item.line)
            if item.kind == "file":
                packing.add(
                    "inputs", item.digest, item.size, partial(open_binary, Path(item.where))
                )
            elif item.kind == "link":
                text = os.readlink(os.fsencode(item.where))
                packing.add("inputs", item.digest, len(text), partial(io.BytesIO, text))
    lines = b"".join(parts)
    packing.add("inputs", pin.digest, len(lines), partial(io.BytesIO, lines))


def find(context: Context, pin: InputPin) -> Path | None:
    """Where an input that came with a run is: its object, or its tree, written below the store;
    None when it did not come.

    Raises:
        StoreDamaged: the stored bytes are not what their digest says.
    """
    if not context.all_objects.has(pin.digest):
        return None
    if pin.kind == "file":
        return _checked(context.all_objects, pin.digest)
    target = context.runs.root / layout.INPUTS / canon.hex_of(pin.digest)
    if _whole(context, pin, target):
        return target
    try:
        listed = _read(context.all_objects, pin.digest)
    except StoreDamaged:
        if pins.check(pin, Path(pin.source), context.objects, context.progress) is None:
            return None  # pinned here, and the tree itself is what it was
        raise
    if not all(context.all_objects.has(digest) for digest in _contents(listed)):
        return None
    with layout.trouble(f"laying out the input {pin.path}"):
        _lay_out(context, pin, listed, target)
    return target


def _whole(context: Context, pin: InputPin, target: Path) -> bool:
    """Whether a tree is there, as it should be. It counts as young from now on, so that `gc` leaves
    it to us.
    """
    try:
        with layout.store_lock(context.runs.root, shared=True):
            os.utime(target)
    except FileNotFoundError:
        return False
    return pins.check(pin, target, context.objects, context.progress) is None


def _lay_out(context: Context, pin: InputPin, listed: Listed, target: Path) -> None:
    """Writes a tree under another name and renames it when it is whole; other replays may be using,
    or making, the same one.
    """
    made = Path(tempfile.mkdtemp(prefix="inputs-", dir=context.runs.root / "tmp"))
    try:
        _write_tree(context.all_objects, listed, made)
        made.chmod(0o755)
        files.sync_filesystem(made)
        files.make_dir(target.parent)
        while not _named(made, target):
            if _whole(context, pin, target):
                return
            # No run loses its files: one that has the damaged tree mounted keeps it until
            # `gc` comes by.
            aside = context.runs.root / "tmp" / f"removed-{made.name}-{os.urandom(4).hex()}"
            with contextlib.suppress(FileNotFoundError):
                target.rename(aside)
        files.fsync_dir(target.parent)
    finally:
        fd_trees.remove(made)


def _named(made: Path, target: Path) -> bool:
    """Gives a tree its name; False when another one has it."""
    try:
        made.rename(target)
    except OSError as fault:
        if fault.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _write_tree(objects: Objects, listed: Listed, target: Path) -> None:
    # Links last: nothing is ever written through one, wherever it leads.
    for path, kind, executable, _, digest in sorted(listed, key=lambda item: item[1] == "link"):
        where = target / path
        where.parent.mkdir(parents=True, exist_ok=True)
        if kind == "dir":
            where.mkdir()
            continue
        data = _checked(objects, digest)
        if kind == "link":
            where.symlink_to(os.fsdecode(data.read_bytes()))
        else:
            shutil.copyfile(data, where)
            # Writable, as most data is: what a program copies out of it has its mode.
            where.chmod(0o755 if executable else 0o644)


def _contents(listed: Listed) -> list[str]:
    """The digests of what is behind the paths; empty directories have nothing."""
    return [digest for _, kind, _, _, digest in listed if kind != "dir"]


def _checked(objects: Objects, digest: str) -> Path:
    if not objects.verify(digest):
        raise StoreDamaged(
            f"digest mismatch for the stored input {digest}",
            next_step="import or pull the run again",
        )
    return objects.path(digest)


def _read(objects: Objects, digest: str) -> Listed:
    """The manifest of a tree, from elsewhere: strictly.

    Raises:
        StoreDamaged: it is not one, or names a path that leaves the tree.
    """
    found: Listed = []
    leaves: set[str] = set()
    for line in _checked(objects, digest).read_bytes().splitlines():
        path, kind, executable, size, content = _line(line, digest)
        parts = path.split("/")
        above = {"/".join(parts[:end]) for end in range(1, len(parts))}
        if (
            any(part in ("", ".", "..") or "\0" in part for part in parts)
            or above & leaves
            or path in leaves
        ):
            raise StoreDamaged(f"the input tree {digest} names a path {path!r}, which is refused")
        leaves.add(path)
        found.append((path, kind, executable, size, content))
    return found


def _line(line: bytes, digest: str) -> tuple[str, str, bool, int, str]:
    try:
        value: Any = canon.parse(line)
        path, kind, executable, size, content = value
    except (ValueError, TypeError) as fault:
        raise StoreDamaged(f"the input tree {digest} cannot be read", why=str(fault)) from fault
    if not (
        isinstance(path, str)
        and kind in ("file", "link", "dir")
        and isinstance(content, str)
        and canon.is_digest(content)
    ):
        raise StoreDamaged(f"the input tree {digest} cannot be read", why=f"{line[:200]!r}")
    return path, kind, bool(executable), int(size), content
