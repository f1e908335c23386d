"""A model of what a disk may hold after a power cut, and its enumeration over a recorded program.

The model is as bad as POSIX allows. Bytes of a file are safe after fsync of the file; until then
the file may have its old bytes, its new bytes, half of them, or zeros. A name is safe after fsync
of its directory; until then each change of a directory may have reached the disk or not, on its
own, in any order. A rename over a name is one change. syncfs makes everything safe. What it does
not model: a disk that lies about its flush, and writes of one call that interleave with themselves.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness_trace import Call, after_go

NEWEST = 9
"""Unsynced changes of names that are tried in all combinations; older ones are all there."""


@dataclass(eq=False)
class File:
    """A regular file: its bytes now, and on the disk."""

    now: bytes = b""
    safe: bytes = b""

    def variants(self) -> list[bytes]:
        if self.now == self.safe:
            return [self.now]
        half = (len(self.now) + len(self.safe)) // 2
        torn = self.now[:half]
        zeroed = self.safe[: len(self.now)].ljust(len(self.now), b"\0")
        return list(dict.fromkeys([self.now, self.safe, torn, zeroed]))


@dataclass(eq=False)
class Link:
    """A symbolic link: it is its name's content, so it is as safe as the name."""

    target: bytes


@dataclass(eq=False)
class Folder:
    """A directory: names now, names on the disk, and the changes between them in order."""

    now: dict[bytes, Node] = field(default_factory=dict)
    safe: dict[bytes, Node] = field(default_factory=dict)
    pending: list[tuple[bytes, Node | None]] = field(default_factory=list)

    def set(self, name: bytes, node: Node | None) -> None:
        if node is None:
            self.now.pop(name, None)
        else:
            self.now[name] = node
        self.pending.append((name, node))

    def sync(self) -> None:
        self.safe, self.pending = dict(self.now), []


Node = File | Link | Folder
State = dict[bytes, bytes | tuple[str, bytes] | None]
"""Path to bytes, None for a directory, ("link", target) for a link."""


def _on_disk(state: State) -> Folder:
    """A directory that is safe with everything in it."""
    top = Folder()
    for path, content in sorted(state.items(), key=lambda item: item[0].count(b"/")):
        folder: Node = top
        *parents, name = path.split(b"/")
        for part in parents:
            assert isinstance(folder, Folder)
            folder = folder.now[part]
        assert isinstance(folder, Folder)
        node: Node = (
            Folder()
            if content is None
            else Link(content[1])
            if isinstance(content, tuple)
            else File(content, content)
        )
        folder.now[name] = folder.safe[name] = node
    return top


class Model:
    """The file system below a root, fed with system calls."""

    def __init__(self, root: Path, before: State | None = None) -> None:
        self._base = os.fsencode(root)
        self.root = _on_disk(before or {})
        self._fds: dict[int, tuple[bytes, Node | None]] = {}
        self._offsets: dict[int, int] = {}

    def feed(self, call: Call) -> bool:
        """Carries out a call that succeeded; whether it changed anything below the root."""
        if call.error or call.result < 0:
            return False
        handler = getattr(self, "_do_" + call.name.removesuffix("at").removesuffix("at2"), None)
        return bool(handler and handler(call))

    def states(self, limit: int, chance: random.Random) -> Iterator[State]:
        """Every disk content that a power cut now may leave; a random choice of `limit` where there
        are more.
        """
        folders = list(self._folders(self.root))
        changes = [(folder, index) for folder in folders for index in range(len(folder.pending))][
            -NEWEST:
        ]
        files = [file for file in self._files() if len(file.variants()) > 1]
        choices = [[True, False]] * len(changes) + [file.variants() for file in files]
        total = 1
        for choice in choices:
            total *= len(choice)
        combinations: Iterable[tuple[object, ...]] = itertools.product(*choices)
        if total > limit:
            combinations = (
                tuple(chance.choice(choice) for choice in choices) for _ in range(limit)
            )
        for combination in combinations:
            kept = {
                (id(folder), index)
                for (folder, index), there in zip(changes, combination[: len(changes)], strict=True)
                if not there
            }
            contents = {
                id(file): data
                for file, data in zip(files, combination[len(changes) :], strict=True)
            }
            state: State = {}
            self._build(self.root, b"", kept, contents, state)
            yield state

    def lived(self) -> State:
        """What a reader sees now, without any power cut."""
        state: State = {}
        everything: dict[int, object] = {}
        self._build(self.root, b"", set(), everything, state)
        return state

    def _build(
        self,
        folder: Folder,
        path: bytes,
        lost: set[tuple[int, int]],
        contents: dict[int, object],
        state: State,
    ) -> None:
        names = dict(folder.safe)
        for index, (name, node) in enumerate(folder.pending):
            if (id(folder), index) in lost:
                continue
            if node is None:
                names.pop(name, None)
            else:
                names[name] = node
        for name, node in names.items():
            below = path + b"/" + name if path else name
            if isinstance(node, Folder):
                state[below] = None
                self._build(node, below, lost, contents, state)
            elif isinstance(node, Link):
                state[below] = ("link", node.target)
            else:
                data = contents.get(id(node), node.now)
                assert isinstance(data, bytes)
                state[below] = data

    def _nodes(self, folder: Folder) -> Iterator[Node]:
        seen: dict[int, Node] = {}
        for node in (
            *folder.safe.values(),
            *folder.now.values(),
            *(node for _, node in folder.pending if node is not None),
        ):
            seen[id(node)] = node
        yield from seen.values()

    def _folders(self, folder: Folder) -> Iterator[Folder]:
        yield folder
        for node in self._nodes(folder):
            if isinstance(node, Folder):
                yield from self._folders(node)

    def _files(self) -> list[File]:
        found = {
            id(node): node
            for folder in self._folders(self.root)
            for node in self._nodes(folder)
            if isinstance(node, File)
        }
        return list(found.values())

    # --- names

    def _path(self, directory: bytes | str, name: bytes) -> bytes | None:
        """Path below the root, without a slash at its begin; None when it is elsewhere."""
        if not name.startswith(b"/"):
            base = (
                self._fds.get(int(directory), (b"", None))[0]
                if str(directory).lstrip("-").isdigit()
                else b""
            )
            if not base:
                return None
            name = base + b"/" + name
        name = os.path.normpath(name)
        if name == self._base:
            return b""
        return name[len(self._base) + 1 :] if name.startswith(self._base + b"/") else None

    def _parent(self, path: bytes) -> tuple[Folder, bytes]:
        *folders, name = path.split(b"/")
        folder: Node = self.root
        for part in folders:
            assert isinstance(folder, Folder)
            folder = folder.now[part]
        assert isinstance(folder, Folder)
        return folder, name

    def _node(self, path: bytes) -> Node | None:
        if not path:
            return self.root
        folder, name = self._parent(path)
        return folder.now.get(name)

    # --- calls

    def _do_open(self, call: Call) -> bool:
        directory, name, flags = (("AT_FDCWD", *call.args) if call.name == "open" else call.args)[
            :3
        ]
        assert isinstance(name, bytes)
        path = self._path(directory, name)
        full = (
            name
            if name.startswith(b"/")
            else self._fds.get(int(directory), (b"", None))[0] + b"/" + name
            if path is not None
            else b""
        )
        self._fds[call.result] = (os.path.normpath(full) if full else b"", None)
        self._offsets[call.result] = 0
        if path is None:
            return False
        changed, node = False, self._node(path)
        if "O_TMPFILE" in str(flags):
            self._fds[call.result] = (b"", File())
            return False
        if node is None and "O_CREAT" in str(flags):
            node, changed = File(), True
            folder, last = self._parent(path)
            folder.set(last, node)
        if isinstance(node, File) and "O_TRUNC" in str(flags) and node.now:
            node.now, changed = b"", True
        self._fds[call.result] = (self._fds[call.result][0], node)
        if isinstance(node, File) and "O_APPEND" in str(flags):
            self._offsets[call.result] = len(node.now)
        return changed

    def _do_close(self, call: Call) -> bool:
        self._fds.pop(int(call.args[0]), None)
        return False

    def _dup(self, call: Call) -> bool:
        source = int(call.args[0])
        if source in self._fds:
            self._fds[call.result] = self._fds[source]
            self._offsets[call.result] = self._offsets.get(source, 0)
        return False

    _do_dup = _do_dup2 = _do_dup3 = _dup

    def _do_fcntl(self, call: Call) -> bool:
        return self._dup(call) if "F_DUPFD" in str(call.args[1]) else False

    def _opened(self, call: Call) -> Node | None:
        return self._fds.get(int(call.args[0]), (b"", None))[1]

    def _put(self, node: File, offset: int, data: bytes) -> bool:
        node.now = node.now[:offset].ljust(offset, b"\0") + data + node.now[offset + len(data) :]
        return True

    def _do_write(self, call: Call) -> bool:
        node, fd = self._opened(call), int(call.args[0])
        if not isinstance(node, File):
            return False
        data = call.args[1]
        assert isinstance(data, bytes)
        offset = self._offsets.get(fd, 0)
        self._offsets[fd] = offset + call.result
        return self._put(node, offset, data[: call.result])

    def _do_pwrite64(self, call: Call) -> bool:
        node, data = self._opened(call), call.args[1]
        assert isinstance(data, bytes)
        return isinstance(node, File) and self._put(node, int(call.args[3]), data[: call.result])

    def _do_sendfile(self, call: Call) -> bool:
        source, target, fd = self._fds[int(call.args[1])][1], self._opened(call), int(call.args[0])
        if not isinstance(source, File) or not isinstance(target, File):
            return False
        begin = int(str(call.args[2]).split(" ")[0].strip("[]"))
        offset = self._offsets.get(fd, 0)
        self._offsets[fd] = offset + call.result
        return self._put(target, offset, source.now[begin : begin + call.result])

    def _do_ftruncate(self, call: Call) -> bool:
        node, size = self._opened(call), int(call.args[1])
        if not isinstance(node, File) or size == len(node.now):
            return False
        node.now = node.now[:size].ljust(size, b"\0")
        return True

    def _do_fsync(self, call: Call) -> bool:
        node = self._opened(call)
        if isinstance(node, File):
            node.safe = node.now
        elif isinstance(node, Folder):
            node.sync()
        return node is not None and not isinstance(node, Link)

    _do_fdatasync = _do_fsync

    def _do_syncfs(self, call: Call) -> bool:
        for folder in list(self._folders(self.root)):
            folder.sync()
        for file in self._files():
            file.safe = file.now
        return True

    def _do_mkdir(self, call: Call) -> bool:
        directory, name = ("AT_FDCWD", call.args[0]) if call.name == "mkdir" else call.args[:2]
        assert isinstance(name, bytes)
        path = self._path(directory, name)
        if not path:
            return False
        folder, last = self._parent(path)
        folder.set(last, Folder())
        return True

    def _do_symlink(self, call: Call) -> bool:
        target, directory, name = (
            (call.args[0], "AT_FDCWD", call.args[1]) if call.name == "symlink" else call.args[:3]
        )
        assert isinstance(name, bytes)
        assert isinstance(target, bytes)
        path = self._path(directory, name)
        if path is None:
            return False
        folder, last = self._parent(path)
        folder.set(last, Link(target))
        return True

    def _remove(self, directory: bytes | str, name: bytes | str) -> bool:
        assert isinstance(name, bytes)
        path = self._path(directory, name)
        if path is None:
            return False
        folder, last = self._parent(path)
        folder.set(last, None)
        return True

    def _do_unlink(self, call: Call) -> bool:
        return (
            self._remove("AT_FDCWD", call.args[0])
            if len(call.args) == 1
            else self._remove(call.args[0], call.args[1])
        )

    _do_rmdir = _do_unlink

    def _pair(self, call: Call) -> tuple[bytes | None, bytes | None]:
        one, other = (
            call.args[:2] if call.name in ("link", "rename") else (call.args[1], call.args[3])
        )
        from_, to = (
            ("AT_FDCWD", "AT_FDCWD")
            if call.name in ("link", "rename")
            else (call.args[0], call.args[2])
        )
        assert isinstance(one, bytes)
        assert isinstance(other, bytes)
        return self._path(from_, one), self._path(to, other)

    def _do_link(self, call: Call) -> bool:
        source, target = self._pair(call)
        if target is None:
            return False
        node = self._node(source) if source is not None else self._nameless(call)
        folder, last = self._parent(target)
        folder.set(last, node)
        return node is not None

    def _nameless(self, call: Call) -> Node | None:
        """The file behind /proc/self/fd/N, which gets its first name."""
        name = call.args[0 if call.name == "link" else 1]
        assert isinstance(name, bytes)
        return (
            self._fds[int(name.rpartition(b"/")[2])][1]
            if name.startswith(b"/proc/self/fd/")
            else None
        )

    def _do_rename(self, call: Call) -> bool:
        source, target = self._pair(call)
        if source is None or target is None:
            return False
        node = self._node(source)
        folder, last = self._parent(target)
        old, name = self._parent(source)
        folder.set(last, node)
        old.set(name, None)
        return True


def cuts(
    calls: list[Call], root: Path, limit: int, seed: int = 1, before: State | None = None
) -> Iterator[tuple[State, list[list[str]]]]:
    """Every distinct state at every moment of a recorded program, with what the program had said by
    then.
    """
    model, chance, seen = Model(root, before), random.Random(seed), set[int]()
    said: list[list[str]] = []
    for call in after_go(calls):
        if call.name == "write" and call.args[0] == "1":
            assert isinstance(call.args[1], bytes)
            said.append(call.args[1].decode().split())
        elif not model.feed(call):
            continue
        # The 256 directories of the object store are made one after the other; two states at each
        # of these moments are enough.
        alike = (
            call.name == "mkdir"
            and isinstance(call.args[0], bytes)
            and b"/objects/sha256/" in call.args[0]
        )
        for state in model.states(2 if alike else limit, chance):
            mark = hash((len(said), frozenset(state.items())))
            if mark not in seen:
                seen.add(mark)
                yield state, list(said)


def read_back(root: Path) -> State:
    """A real directory in the form of the model."""
    state: State = {}
    base = os.fsencode(root)
    for place, folders, plain in os.walk(base):
        for name in folders + plain:
            full = os.path.join(place, name)
            path = os.path.relpath(full, base)
            if os.path.islink(full):
                state[path] = ("link", os.readlink(full))
            elif os.path.isdir(full):
                state[path] = None
            else:
                with open(full, "rb") as file:
                    state[path] = file.read()
    return state


def final_state(calls: list[Call], root: Path, before: State | None = None) -> State:
    """What the model believes to be there after the whole program."""
    model = Model(root, before)
    for call in after_go(calls):
        model.feed(call)
    return model.lived()


def lay_down(state: State, root: Path) -> None:
    """Makes a directory that holds a state. Modes are not in the model: files get the one that
    outputs have in these harnesses.
    """
    base = os.fsencode(root)
    os.mkdir(base)
    for path, content in sorted(state.items(), key=lambda item: item[0].count(b"/")):
        full = os.path.join(base, path)
        if content is None:
            os.mkdir(full, 0o700)
        elif isinstance(content, tuple):
            os.symlink(content[1], full)
        else:
            with open(full, "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), 0o640)
